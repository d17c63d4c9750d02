#include "agents/swarm/latency.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace worldshare::swarm {
namespace {

constexpr double kLongestSeconds = 3600;

std::optional<double> positive(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || !std::isfinite(value) || value < 0) return std::nullopt;
  return value;
}

std::unexpected<Error> unknown(const std::string& text) {
  return fail(Errc::kInvalid, "--latency: '" + text +
                                  "' is none of fixed:SECONDS, exponential:MEAN, "
                                  "pareto:LEAST:SHAPE");
}

}  // namespace

Result<Latency> Latency::parse(const std::string& text) {
  const std::string_view all = text;
  const auto colon = all.find(':');
  if (colon == std::string_view::npos) return unknown(text);
  const std::string_view name = all.substr(0, colon);
  std::string_view seconds = all.substr(colon + 1);
  Latency out;
  if (name == "exponential") out.model_ = Model::kExponential;
  if (name == "pareto") {
    out.model_ = Model::kPareto;
    const auto second = seconds.find(':');
    if (second == std::string_view::npos) return unknown(text);
    const auto shape = positive(seconds.substr(second + 1));
    if (!shape || *shape == 0) return unknown(text);
    out.shape_ = *shape;
    seconds = seconds.substr(0, second);
  }
  const auto value = positive(seconds);
  if (!value || (name != "fixed" && out.model_ == Model::kFixed)) return unknown(text);
  out.seconds_ = *value;
  return out;
}

std::chrono::microseconds Latency::draw(Random& random) const {
  // Uniform in (0, 1]: neither logarithm nor power meets a zero.
  const double uniform = 1 - std::uniform_real_distribution<double>(0, 1)(random);
  double seconds = seconds_;
  if (model_ == Model::kExponential) seconds = -seconds_ * std::log(uniform);
  if (model_ == Model::kPareto) seconds = seconds_ * std::pow(uniform, -1 / shape_);
  seconds = std::min(seconds, kLongestSeconds);
  return std::chrono::microseconds(std::llround(seconds * 1e6));
}

}  // namespace worldshare::swarm
