#include <spdlog/spdlog.h>

#include "agents/swarm/synthetic_agent.h"
#include "shared/crypto.h"
#include "shared/image/bundle.h"
#include "shared/messages/shard.h"

// One lease of a synthetic agent, from its assignment to its stored result.

namespace worldshare::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

/// How long an answer may take.
constexpr auto kAnswerTime = 5s;
/// Between two tries: doubling, at most so long, jittered by half. A late answer still counts.
constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{10'000};
constexpr auto kAway = 30s;

std::chrono::microseconds since(steady_clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
}

}  // namespace

void SyntheticAgent::begin(std::uint32_t slot, wire::AssignmentT assignment) {
  Tally& tally = services_.tally;
  if (book_->knows(assignment.lease)) {
    ++tally.repeated_assignments;
    return;
  }
  ++tally.assignments;
  if (services_.noticed) services_.noticed(assignment);
  const auto told = std::exchange(told_free_[slot], {});
  if (told != steady_clock::time_point{} && told != steady_clock::time_point::max()) {
    tally.refill.add(since(told));
  }
  if (working_[slot]) end(working_[slot], false);
  auto unit = std::make_shared<Unit>(services_.context, slot, std::move(assignment));
  working_[slot] = unit;
  book_->begin(slot, unit->assignment.lease);
  book_->set_phase(unit->assignment.lease, wire::LeasePhase::rendering);
  plan_frames(*unit);
  if (unit->plan.deed == Deed::kHang) {
    ++tally.hung;
    return;
  }
  heartbeat_within(agent::LeaseBook::kUnhurried);
  if (unit->plan.render_time == 0us) return act(unit);
  await(unit, unit->plan.render_time, &SyntheticAgent::act);
}

/// The first frame that is not rendered decides for all.
void SyntheticAgent::plan_frames(Unit& unit) {
  const auto shard = messages::shard_of(unit.assignment);
  if (!shard || shard->frame_count == 1) {
    unit.plan = behaviour_.plan(unit.assignment, services_.random);
    unit.pictures = {unit.plan.picture};
    return;
  }
  wire::AssignmentT one = unit.assignment;
  one.shard.reset();
  for (const std::int32_t frame : messages::frames_of(*shard)) {
    one.frame = frame;
    const Plan plan = behaviour_.plan(one, services_.random);
    unit.plan.render_time += plan.render_time;
    if (unit.plan.deed == Deed::kRender) unit.plan.deed = plan.deed;
    unit.pictures.push_back(plan.picture);
  }
}

void SyntheticAgent::make_artifact(Unit& unit) {
  const wire::OutputT& output = *unit.assignment.output;
  if (unit.pictures.size() == 1) {
    const auto& picture =
        services_.pictures.get(output.width, output.height, unit.pictures.front());
    unit.artifact.sha256 = picture.sha256;
    unit.artifact.size_bytes = picture.bytes.size();
    return;
  }
  std::vector<Bytes> images;
  for (const std::uint64_t seed : unit.pictures)
    images.push_back(services_.pictures.get(output.width, output.height, seed).bytes);
  unit.bundle = image::bundle(images);
  unit.artifact.sha256 = to_hex(sha256(unit.bundle));
  unit.artifact.size_bytes = unit.bundle.size();
}

void SyntheticAgent::await(const UnitPtr& unit,
                           std::chrono::microseconds time,
                           void (SyntheticAgent::*overdue)(const UnitPtr&)) {
  const std::uint64_t step = ++unit->step;
  unit->timer.expires_after(time);
  unit->timer.async_wait([this, unit, step, overdue](boost::system::error_code cancelled) {
    if (!cancelled && unit->step == step && is_working(unit)) (this->*overdue)(unit);
  });
}

SyntheticAgent::Reply SyntheticAgent::answer(const UnitPtr& unit,
                                             void (SyntheticAgent::*next)(const UnitPtr&,
                                                                          const Delivery&)) {
  return [this, unit, next, stage = unit->stage](const Delivery& reply) {
    if (unit->stage == stage && is_working(unit)) (this->*next)(unit, reply);
  };
}

bool SyntheticAgent::is_working(const UnitPtr& unit) const {
  return unit->slot < working_.size() && working_[unit->slot] == unit;
}

void SyntheticAgent::act(const UnitPtr& unit) {
  move_on(unit);
  const bool is_png = unit->assignment.output->format == wire::ImageFormat::png;
  if (unit->plan.deed == Deed::kVanish) return vanish(kAway);
  if (unit->plan.deed == Deed::kFail || !is_png) {
    ++services_.tally.failed;
    return report(unit);
  }
  make_artifact(*unit);
  book_->set_phase(unit->assignment.lease, wire::LeasePhase::uploading);
  commit(unit);
}

/// How long the answer to this try is waited for.
milliseconds SyntheticAgent::patience(const UnitPtr& unit) {
  const auto pause = std::min(kLongestPause, kFirstPause * (1 << std::min(unit->tries, 10U)));
  const auto half = static_cast<std::uint64_t>(pause.count() / 2);
  ++unit->tries;
  return kAnswerTime + milliseconds(half + services_.random() % (half + 1));
}

void SyntheticAgent::again(const UnitPtr& unit) {
  ++services_.tally.timeouts;
  if (unit->artifact.sha256.empty()) return report(unit);
  commit(unit);  // names the same artifact, which the dispatcher does not mind
}

void SyntheticAgent::commit(const UnitPtr& unit) {
  wire::UploadRequestT request;
  request.lease = unit->assignment.lease;
  request.sha256 = unit->artifact.sha256;
  request.size_bytes = unit->artifact.size_bytes;
  await(unit, patience(unit), &SyntheticAgent::again);
  this->request("upload", messages::encode(request), answer(unit, &SyntheticAgent::on_commit));
}

void SyntheticAgent::on_commit(const UnitPtr& unit, const Delivery& reply) {
  const auto answer = messages::decode<wire::UploadReplyT>(reply.data);
  if (!answer) return;
  if (answer->error) {
    ++services_.tally.refused;
    // A lease that is over is left; anything else may be better in a moment.
    if (answer->error->code != "unavailable") end(unit, false);
    return;
  }
  services_.tally.commit.add(since(unit->asked));
  move_on(unit);
  if (!answer->present) return upload(unit, *answer);
  ++services_.tally.present;
  report(unit);
}

void SyntheticAgent::upload(const UnitPtr& unit, const wire::UploadReplyT& place) {
  const wire::OutputT& output = *unit->assignment.output;
  await(unit, 6 * kAnswerTime, &SyntheticAgent::again);
  const Bytes& bytes =
      unit->bundle.empty()
          ? services_.pictures.get(output.width, output.height, unit->pictures.front()).bytes
          : unit->bundle;
  const auto done = [this, unit, stage = unit->stage](const Result<>& outcome) {
    if (unit->stage != stage || !is_working(unit)) return;
    if (!outcome) return again(unit);
    ++services_.tally.uploads;
    move_on(unit);
    report(unit);
  };
  services_.uploader.put(place.url, messages::to_headers(place.headers), bytes, done);
}

/// What is asked now is another thing than before.
void SyntheticAgent::move_on(const UnitPtr& unit) {
  ++unit->stage;
  unit->tries = 0;
  unit->asked = steady_clock::now();
}

wire::ResultT SyntheticAgent::result_of(const Unit& unit) const {
  wire::ResultT out;
  out.lease = unit.assignment.lease;
  out.agent = member_.key.public_key();
  out.ticket = unit.assignment.ticket;
  out.renderer = "swarm";
  if (unit.artifact.sha256.empty()) {
    out.outcome = wire::Outcome::failed;
    out.error_code = "synthetic";
    out.error = "the swarm was told to fail";
    return out;
  }
  out.outcome = wire::Outcome::rendered;
  out.artifact = std::make_unique<wire::ArtifactT>(unit.artifact);
  out.render_seconds = std::chrono::duration<float>(unit.plan.render_time).count();
  return out;
}

void SyntheticAgent::send_result(const Unit& unit, const std::string& message_id, Reply reply) {
  wire::SignedResultT message;
  message.payload = messages::encode(result_of(unit));
  message.signature = member_.key.sign(message.payload);
  link_->publish("results." + member_.key.public_key() + "." + unit.assignment.lease,
                 new_inbox(std::move(reply)), messages::encode(message),
                 "Nats-Msg-Id: " + message_id + "\r\n");
}

void SyntheticAgent::report(const UnitPtr& unit) {
  await(unit, patience(unit), &SyntheticAgent::report);
  send_result(*unit, unit->assignment.lease, answer(unit, &SyntheticAgent::on_stored));
}

void SyntheticAgent::on_stored(const UnitPtr& unit, const Delivery& reply) {
  const std::string_view answer = as_text(reply.data);
  if (answer.contains(R"("error")")) return;  // the stream is full or away: sent again in time
  services_.tally.store.add(since(unit->asked));
  ++services_.tally.results;
  if (answer.contains(R"("duplicate":true)")) ++services_.tally.duplicates;
  if (unit->plan.deed == Deed::kDuplicate) {
    // Under another id, so that the stream takes it and the trust engine has to notice.
    send_result(*unit, unit->assignment.lease + "-again", [](const Delivery&) {});
  }
  end(unit, true);
}

// By value: who calls may hold the slot's own pointer.
void SyntheticAgent::end(UnitPtr unit, bool reported) {
  ++unit->step;
  ++unit->stage;
  unit->timer.cancel();
  working_[unit->slot].reset();
  book_->end(unit->assignment.lease, reported);
  told_free_[unit->slot] = steady_clock::time_point::max();
  heartbeat_soon();
}

}  // namespace worldshare::swarm
