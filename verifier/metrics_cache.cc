#include "verifier/metrics_cache.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {
namespace {

namespace json = boost::json;

constexpr std::chrono::milliseconds kPatience{100};  // decoding the pair takes about half of it
constexpr std::chrono::seconds kPause{10};

std::string key_of(const std::string& a, const std::string& b) {
  const auto [first, second] = std::minmax(a, b);
  return fmt::format("$KV.metrics.{}.{}.v{}", first, second, kMetricsVersion);
}

json::value optional(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

std::string to_json(const Comparison& comparison, const std::string& network) {
  json::object out{{"method", std::string(to_string(comparison.method))},
                   {"psnr_db", optional(comparison.psnr_db)},
                   {"ssim", optional(comparison.ssim)},
                   {"worst_block_psnr_db", optional(comparison.worst_block_psnr_db)},
                   {"non_finite_mismatches", comparison.non_finite_mismatches}};
  if (comparison.lpips) out["lpips_" + network] = *comparison.lpips;
  return json::serialize(out);
}

std::optional<double> number(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto out = value->to_number<double>();
  return std::isfinite(out) ? std::optional(out) : std::nullopt;
}

/// Nothing unless it is what to_json() writes.
std::optional<Comparison> from_json(std::string_view text, const std::string& network) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& from = value.as_object();
  const auto* method = from.if_contains("method");
  const auto* mismatches = from.if_contains("non_finite_mismatches");
  if (method == nullptr || !method->is_string() || mismatches == nullptr ||
      !mismatches->is_number()) {
    return std::nullopt;
  }
  Comparison out;
  out.method = to_method(std::string_view(method->as_string()));
  out.psnr_db = number(from, "psnr_db");
  out.ssim = number(from, "ssim");
  out.worst_block_psnr_db = number(from, "worst_block_psnr_db");
  out.lpips = number(from, "lpips_" + network);
  out.non_finite_mismatches = mismatches->to_number<std::uint64_t>(error);
  const bool measured = out.method == Method::kMetrics && out.ssim;
  if (error || (!measured && out.method != Method::kSamePixels)) return std::nullopt;
  return out;
}

}  // namespace

MetricsCache::MetricsCache(nats::Connection& broker, std::string lpips_network)
    : broker_(broker), lpips_network_(std::move(lpips_network)) {}

std::optional<Comparison> MetricsCache::find(const std::string& a, const std::string& b) {
  if (std::chrono::steady_clock::now() < not_before_.load()) return std::nullopt;
  const auto answer =
      broker_.request("$JS.API.DIRECT.GET.KV_metrics." + key_of(a, b), {}, kPatience);
  if (!answer) {
    spdlog::debug("metrics cache does not answer reason=\"{}\"", answer.error().message);
    not_before_ = std::chrono::steady_clock::now() + kPause;
    return std::nullopt;
  }
  return from_json(as_text(answer->data()), lpips_network_);
}

void MetricsCache::keep(const std::string& a, const std::string& b, const Comparison& comparison) {
  const std::string text = to_json(comparison, lpips_network_);
  if (auto ok = broker_.publish(key_of(a, b), as_bytes(text)); !ok) {
    spdlog::debug("metrics not cached reason=\"{}\"", ok.error().message);
  }
}

}  // namespace worldshare::verifier
