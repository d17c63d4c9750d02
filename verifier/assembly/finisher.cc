#include "verifier/assembly/finisher.h"

#include <sys/wait.h>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "shared/messages/messages.h"
#include "shared/process.h"

namespace worldshare::verifier {
namespace {

constexpr int kHopeless = 2;  // see agents/main.cc
constexpr int kCrashed = 3;
constexpr std::chrono::milliseconds kLook{100};
constexpr std::size_t kReasonBytes = 1000;
constexpr std::size_t kLogBytes = 16U << 20;

std::vector<std::string> arguments(const FinisherOptions& options,
                                   const FinishOrder& order,
                                   const std::filesystem::path& out) {
  std::vector<std::string> argv{options.agent_program, "--finish", order.scene};
  if (!options.agent_config.empty()) argv.insert(argv.end(), {"--config", options.agent_config});
  argv.insert(argv.end(), {"--picture", order.picture, "--frame", std::to_string(order.frame)});
  argv.insert(argv.end(),
              {"--format", wire::EnumNameImageFormat(order.output.format), "--out", out});
  return argv;
}

std::string last_line(const std::filesystem::path& log) {
  auto text = read_file(log, kLogBytes).value_or("");
  text.erase(text.find_last_not_of('\n') + 1);
  const auto begin = text.rfind('\n');
  return messages::clean_text(begin == std::string::npos ? text : text.substr(begin + 1),
                              kReasonBytes);
}

Errc errc_of(int status) {
  if (!WIFEXITED(status) || WEXITSTATUS(status) == kCrashed) return Errc::kInternal;
  return WEXITSTATUS(status) == kHopeless ? Errc::kInvalid : Errc::kUnavailable;
}

Result<> run(const FinisherOptions& options,
             const FinishOrder& order,
             const std::filesystem::path& out,
             const std::stop_token& stop) {
  ProcessOptions process;
  process.argv = arguments(options, order, out);
  process.output_file = order.scratch / "finish.log";
  auto spawned = Process::spawn(process);
  if (!spawned) return std::unexpected(spawned.error());
  const auto deadline = std::chrono::steady_clock::now() + options.time_limit;
  std::optional<int> status;
  while (!(status = spawned->wait(kLook))) {
    if (stop.stop_requested()) return fail(Errc::kUnavailable, "the verifier stops");
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::kInternal, "finishing the frame took too long");
    }
  }
  if (*status == 0) return {};
  return fail(errc_of(*status), "the frame cannot be finished, " + describe_wait_status(*status) +
                                    ": " + last_line(process.output_file));
}

image::Format to_format(wire::ImageFormat format) {
  switch (format) {
    case wire::ImageFormat::jpeg: return image::Format::kJpeg;
    case wire::ImageFormat::exr: return image::Format::kExr;
    default: return image::Format::kPng;
  }
}

Result<> check_image(ByteView image, const wire::OutputT& output) {
  if (auto ok = image::check_canonical(image); !ok) return ok;
  const auto header = image::read_header(image);
  if (!header) return std::unexpected(header.error());
  if (header->format == to_format(output.format) && header->width == output.width &&
      header->height == output.height) {
    return {};
  }
  return fail(Errc::kInvalid, "the finished image is not what the job asks for");
}

}  // namespace

Result<Bytes> finish(const FinisherOptions& options,
                     const FinishOrder& order,
                     const std::stop_token& stop) {
  const auto out = order.scratch / "finished";
  if (auto ok = run(options, order, out, stop); !ok) return std::unexpected(ok.error());
  const auto text = read_file(out, options.image_bytes);
  if (!text) return std::unexpected(text.error());
  Bytes image(text->begin(), text->end());
  if (auto ok = check_image(image, order.output); !ok) return std::unexpected(ok.error());
  return image;
}

}  // namespace worldshare::verifier
