#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/server_options.h"
#include "shared/crypto.h"
#include "shared/ids.h"
#include "shared/signals.h"

namespace worldshare::cli {
namespace {

constexpr std::chrono::milliseconds kLookAgain{250};

// As those of compare.
constexpr int kEqual = 0;
constexpr int kWithin = 1;
constexpr int kDiffer = 2;
constexpr int kIncomparable = 3;
constexpr int kNotCompared = 4;

struct VerifyOptions {
  ServerOptions server;
  std::vector<std::filesystem::path> pictures;
  wire::VerificationRequestT request;
  bool json = false;
};

Result<wire::VerificationT> submit(VerifyOptions& options, const ApiClient& api) {
  for (const auto& picture : options.pictures) {
    const auto digest = sha256_file(picture);
    if (!digest) return std::unexpected(digest.error());
    options.request.artifacts.push_back(to_hex(*digest));
    if (auto ok = api.upload(picture, options.request.artifacts.back()); !ok)
      return std::unexpected(ok.error());
  }
  return api.post<wire::VerificationT>("/v1/verifications", messages::to_json(options.request),
                                       {{"Idempotency-Key", new_id()}});
}

Result<wire::VerificationT> wait_for_verdict(const ApiClient& api,
                                             wire::VerificationT asked,
                                             const std::stop_token& stop) {
  while (asked.state == "waiting") {
    if (!sleep_unless_stopped(stop, kLookAgain))
      return fail(Errc::kUnavailable, "interrupted; it is compared all the same: " + asked.id);
    auto now = api.get<wire::VerificationT>("/v1/verifications/" + asked.id);
    if (!now) return now;
    asked = std::move(*now);
  }
  return asked;
}

std::string figure(const flatbuffers::Optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

const char* word(const wire::VerificationPairT& pair) {
  if (pair.method == "incomparable") return "incomparable";
  if (!pair.agree) return "differ";
  return pair.method == "metrics" ? "within" : "equal";
}

std::string text_of(const wire::VerificationT& verdict, const VerifyOptions& options) {
  std::string out;
  for (std::size_t i = 0; i < options.pictures.size(); ++i)
    out += fmt::format("{}: {}\n", i + 1, options.pictures[i].string());
  Listing pairs({"PAIR", "VERDICT", "PSNR dB", "SSIM", "WORST dB", "LPIPS"});
  for (const auto& pair : verdict.pairs) {
    pairs.add({fmt::format("{}-{}", pair->a, pair->b), word(*pair), figure(pair->psnr_db, "{:.2f}"),
               figure(pair->ssim, "{:.6f}"), figure(pair->worst_block_psnr_db, "{:.2f}"),
               figure(pair->lpips, "{:.4f}")});
  }
  if (!verdict.pairs.empty()) out += pairs.text();
  for (const auto& pair : verdict.pairs) {
    if (!pair->heat_map.empty())
      out += fmt::format("where {} and {} differ: {}\n", pair->a, pair->b, pair->heat_map);
  }
  return out + verdict.reason + "\n";
}

int exit_code(const wire::VerificationT& verdict) {
  if (verdict.state == "failed") return kNotCompared;
  int code = kEqual;
  for (const auto& pair : verdict.pairs) {
    if (pair->method == "incomparable") return kIncomparable;
    if (!pair->agree) code = kDiffer;
    if (pair->agree && pair->method == "metrics") code = std::max(code, kWithin);
  }
  return code;
}

int run(VerifyOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  auto asked = submit(options, *api);
  if (asked) asked = wait_for_verdict(*api, std::move(*asked), stop);
  if (!asked)
    return report_error(asked.error(), stop) == kInterrupted ? kInterrupted : kNotCompared;
  const wire::VerificationT& verdict = *asked;
  fmt::print("{}", options.json ? messages::to_json(verdict) + "\n" : text_of(verdict, options));
  return exit_code(verdict);
}

}  // namespace

Run add_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  auto* command =
      app.add_subcommand("verify",
                         "have the farm's trust engine compare pictures that were rendered "
                         "elsewhere; exits with 0 equal, 1 within "
                         "tolerance, 2 beyond it, 3 of different shape, 4 not compared");
  command->add_option("picture", options->pictures, "2 to 5 PNG, OpenEXR or JPEG files")
      ->required()
      ->expected(2, 5)
      ->check(CLI::ExistingFile);
  command->add_flag("--same-class", options->request.same_class,
                    "they come from machines of one kind: the tight tolerance");
  command->add_option("--title", options->request.title, "for people");
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) { return run(*options, stop); };
}

}  // namespace worldshare::cli
