#include "agents/blender/blender_worker.h"

#include <boost/json.hpp>
#include <utility>

#include "agents/sandbox/foreign_tree.h"

namespace worldshare::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollTime{100};
constexpr milliseconds kScratchCheckTime{2000};
constexpr const char* kAssembledName = "assembled.exr";  // as driver.py knows it

boost::json::array to_json(const messages::PixelBox& box) {
  return {box.x0, box.y0, box.x1, box.y1};
}

std::string unit_line(const RenderRequest& request, const std::filesystem::path& output) {
  boost::json::object unit{{"frame", request.frame},
                           {"output", output.string()},
                           {"width", request.width},
                           {"height", request.height},
                           {"engine", wire::EnumNameEngine(request.engine)},
                           {"format", wire::EnumNameImageFormat(request.format)}};
  if (request.tile) {
    const auto box = messages::rendered_box(shard_of(request),
                                            messages::FrameSize{request.width, request.height});
    unit["tile"] = to_json(box);
    unit["margin"] = request.tile->margin;
  }
  if (request.samples) {
    const auto& [first, count, total] = *request.samples;
    unit["samples"] = boost::json::array{first, count, total};
  }
  if (request.audit) {
    boost::json::array tiles;
    for (const auto& box : request.audit->tiles) tiles.push_back(to_json(box));
    unit["audit"] = boost::json::object{{"tiles", tiles}, {"samples", request.audit->samples}};
  }
  if (!request.tamper.empty()) unit["tamper"] = request.tamper;
  return boost::json::serialize(unit);
}

std::string text_of(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  const auto* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string(*text) : std::string();
}

double number_of(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<double>(error);
  return error ? 0 : number;
}

RenderOutcome failure(std::string code, std::string error) {
  RenderOutcome out;
  out.code = std::move(code);
  out.error = std::move(error);
  return out;
}

RenderOutcome crashed(const std::string& error) {
  RenderOutcome out = failure("crash", error);
  out.end = RenderEnd::kCrashed;
  return out;
}

/// What was reported is the word of a process that opened a stranger's file: of the path only the
/// name counts.
RenderOutcome outcome_of(const boost::json::object& report, const std::filesystem::path& folder) {
  RenderOutcome out;
  out.end = text_of(report, "event") == "done" ? RenderEnd::kDone : RenderEnd::kFailed;
  out.image = folder / std::filesystem::path(text_of(report, "path")).filename();
  out.code = text_of(report, "code");
  out.error = text_of(report, "error");
  out.seconds = number_of(report, "seconds");
  out.peak_memory_bytes =
      static_cast<std::uint64_t>(number_of(report, "peak_memory_mb") * 1024 * 1024);
  out.memory_bytes = static_cast<std::uint64_t>(number_of(report, "memory_mb") * 1024 * 1024);
  return out;
}

}  // namespace

messages::Shard shard_of(const RenderRequest& request) {
  messages::Shard out;
  out.frame = request.frame;
  out.tile = request.tile;
  out.samples = request.samples;
  return out;
}

Result<std::unique_ptr<BlenderWorker>> BlenderWorker::start(const BlenderOptions& options,
                                                            const std::filesystem::path& scene,
                                                            WorkerMode mode) {
  const char* name = mode == WorkerMode::kFinish ? "finish" : "worker";
  auto process = BlenderProcess::start(options, name, scene);
  if (!process) return std::unexpected(process.error());
  return std::unique_ptr<BlenderWorker>(new BlenderWorker(options, std::move(*process)));
}

bool BlenderWorker::alive() { return !process_.wait_status(); }

std::string BlenderWorker::end() {
  const auto status = process_.wait_status();
  return status ? describe_wait_status(*status) : std::string();
}

RenderOutcome BlenderWorker::render(const RenderRequest& request,
                                    const RenderObserver& observer,
                                    std::stop_token stop) {
  unit_fault_.reset();
  if (!ready_) {
    auto early_end = wait_for("ready", request, observer, stop);
    if (early_end) return finish(std::move(*early_end));
    ready_ = true;
    scene_fault_ = std::exchange(unit_fault_, std::nullopt);
  }
  observer.on_loaded();
  if (auto empty = process_.empty_unit_folder(); !empty) {
    return finish(failure("scratch", empty.error().message));
  }
  if (auto given = process_.give_file(request.assembled, kAssembledName); !given) {
    return finish(failure("scratch", given.error().message));
  }
  const auto sent = process_.send(unit_line(request, process_.unit_folder_inside()));
  // One that is gone shows in wait_for().
  if (!sent && sent.error().code != Errc::kUnavailable) return finish(broken(sent.error().message));
  auto outcome = wait_for("done", request, observer, stop);
  return finish(outcome ? std::move(*outcome) : failure("render_failed", "no report"));
}

std::optional<RenderOutcome> BlenderWorker::wait_for(const std::string& event,
                                                     const RenderRequest& request,
                                                     const RenderObserver& observer,
                                                     const std::stop_token& stop) {
  while (true) {
    const auto status = process_.wait_status();
    process_.pump(status ? milliseconds(0) : kPollTime);
    read_output(request, observer);
    while (auto line = process_.next_report()) {
      boost::system::error_code error;
      const auto value = boost::json::parse(*line, error);
      const auto* report = error ? nullptr : value.if_object();
      if (report == nullptr) continue;
      const std::string kind = text_of(*report, "event");
      if (kind == "ready" && event == kind) return std::nullopt;
      if (kind == "done" || kind == "failed") {
        process_.pump(milliseconds(0));
        read_output(request, observer);
        return outcome_of(*report, process_.unit_folder());
      }
    }
    if (process_.report_overflowed()) return broken(kTooLongReport);
    if (status) return ended(*status);
    if (auto limit = check_limits(request, stop)) {
      process_.kill();
      return limit;
    }
  }
}

void BlenderWorker::read_output(const RenderRequest& request, const RenderObserver& observer) {
  while (auto line = process_.next_output()) {
    if (!unit_fault_) unit_fault_ = find_fault(*line);
    const auto progress = parse_progress(*line);
    if (progress && ready_ && progress->frame == request.frame && progress->fraction) {
      observer.on_progress(*progress->fraction);
    }
  }
}

std::optional<RenderOutcome> BlenderWorker::check_limits(const RenderRequest& request,
                                                         const std::stop_token& stop) {
  const auto now = steady_clock::now();
  if (stop.stop_requested()) {
    RenderOutcome out = failure("stopped", "The render was stopped.");
    out.end = RenderEnd::kStopped;
    return out;
  }
  if (now >= request.deadline) {
    return failure("timeout", "The render took longer than its time limit.");
  }
  if (now < next_scratch_check_) return std::nullopt;
  next_scratch_check_ = now + kScratchCheckTime;
  if (tree_bytes(process_.work_folder()) > options_.scratch_limit_bytes) {
    return failure("scratch_limit", "Blender wrote more temporary data than this node allows.");
  }
  return std::nullopt;
}

RenderOutcome BlenderWorker::ended(int wait_status) {
  if (unit_fault_) return failure(unit_fault_->code, unit_fault_->error);
  const bool by_itself = !ready_ && wait_status == 0x100;
  if (by_itself) {
    return failure("scene_unreadable", "Blender could not open the scene.");
  }
  return crashed("Blender ended: " + describe_wait_status(wait_status));
}

RenderOutcome BlenderWorker::broken(const std::string& error) {
  process_.kill();
  return crashed(error);
}

RenderOutcome BlenderWorker::finish(RenderOutcome outcome) {
  const auto& fault = unit_fault_ ? unit_fault_ : scene_fault_;
  if (outcome.end == RenderEnd::kDone && fault) {
    outcome.end = RenderEnd::kFailed;
    outcome.code = fault->code;
    outcome.error = fault->error;
  }
  if (outcome.end != RenderEnd::kDone) outcome.log_tail = process_.log_tail();
  return outcome;
}

}  // namespace worldshare::agent
