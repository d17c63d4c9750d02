#include <array>

#include "dispatcher/dispatcher.h"
#include "shared/log.h"

// What news does to the economy.

namespace worldshare::dispatcher {
namespace {

bool is_final(const wire::VerdictT& verdict) {
  return verdict.decision == wire::Decision::accepted || verdict.decision == wire::Decision::failed;
}

void say_failed(const Unit& unit, const std::string& reason) {
  const bool alone = unit.shard.frame_count == 1;
  spdlog::warn("{} job={} frame={} reason=\"{}\"",
               alone ? "frame failed" : "frames failed together, each is asked for alone", unit.job,
               unit.shard.frame, reason);
}

}  // namespace

/// A free slot does not wait until verdicts on other work are written.
Result<> Dispatcher::digest(std::deque<Notice> notices) {
  std::unordered_map<std::string, wire::AgentStateT> states;
  std::vector<VerdictNotice> verdicts;
  std::vector<ControlNotice> control;
  for (auto& notice : notices) {
    if (auto* state = std::get_if<wire::AgentStateT>(&notice.news)) {
      const std::string agent = state->agent;
      states.insert_or_assign(agent, std::move(*state));  // the newest says all
    } else if (auto* verdict = std::get_if<VerdictNotice>(&notice.news)) {
      verdicts.push_back(std::move(*verdict));
    } else {
      control.push_back(std::move(std::get<ControlNotice>(notice.news)));
    }
  }
  Result<> outcome = take_control(control);
  if (outcome) outcome = take_states(std::move(states));
  if (outcome) outcome = tick();
  if (outcome) outcome = dispatch();
  if (!outcome || verdicts.empty()) return outcome;
  outcome = take_verdicts(verdicts);
  return outcome ? dispatch() : outcome;
}

Result<> Dispatcher::take_control(std::vector<ControlNotice>& notices) {
  std::vector<std::string> jobs;
  std::vector<std::string> agents;
  for (const auto& notice : notices) {
    for (const auto& event : notice.events) {
      if (!event.job.empty()) jobs.push_back(event.job);
      if (event.job.empty() && !event.owner.empty()) agents.push_back(event.owner);
    }
  }
  Result<> outcome = load_jobs(jobs);
  if (outcome && !agents.empty()) outcome = know_agents(agents);
  for (const auto& notice : notices) {
    for (const auto& event : notice.events) {
      if (event.kind == wire::EventKind::frame_wanted) economy_.prefer(event.job, event.frame);
    }
    notice.done->set_value(Answers(notice.events.size(), outcome));
  }
  return outcome;
}

Result<> Dispatcher::take_verdicts(std::vector<VerdictNotice>& notices) {
  std::vector<wire::VerdictT> all;
  for (auto& notice : notices) {
    for (auto& verdict : notice.verdicts) all.push_back(std::move(verdict));
  }
  if (all.empty()) return {};
  auto effects = record(all);
  Answers answers;
  for (std::size_t i = 0; i < all.size(); ++i)
    answers.push_back(effects ? effects->verdicts[i].outcome : std::unexpected(effects.error()));
  auto answer = answers.begin();
  for (auto& notice : notices) {
    const auto end = answer + static_cast<std::ptrdiff_t>(notice.verdicts.size());
    notice.done->set_value(Answers(answer, end));
    answer = end;
  }
  if (!effects) return std::unexpected(effects.error());
  return apply(all, std::move(*effects));
}

Result<VerdictEffects> Dispatcher::record(const std::vector<wire::VerdictT>& verdicts) {
  auto effects = ledger_.record_verdicts(verdicts);
  if (effects || is_retryable(effects.error().code)) return effects;
  // What this program cannot digest must not stop the others; the feeder has it on record.
  VerdictEffects all;
  for (const auto& verdict : verdicts) {
    auto one = ledger_.record_verdicts({&verdict, 1});
    if (!one && is_retryable(one.error().code)) return one;
    if (!one) {
      all.verdicts.emplace_back().outcome = std::unexpected(one.error());
      continue;
    }
    all.verdicts.push_back(std::move(one->verdicts.front()));
    for (auto& [unit, orders] : one->audits) all.audits[unit] = std::move(orders);
    all.endings.add(std::move(one->endings));
  }
  return all;
}

Result<> Dispatcher::apply(const std::vector<wire::VerdictT>& verdicts, VerdictEffects effects) {
  const auto now = parts_.clock.now();
  std::vector<UnitFailure> failures;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const auto& verdict = verdicts[i];
    const auto& effect = effects.verdicts[i];
    if (!effect.outcome) continue;
    ++verdicts_;
    const auto unit = static_cast<UnitId>(verdict.unit);
    const Reported reported = economy_.reported(
        {verdict.lease, effect.agent, effect.owner, unit, verdict.counts, effect.rendered,
         effect.render_seconds, effect.audit, effect.trusted, effect.half},
        now);
    outgoing_.stop(reported.stop);
    if (is_final(verdict)) {
      close(verdict);
    } else if (asks_for_opinions(verdict, effect)) {
      economy_.want(unit, std::uint32_t{verdict.opinions} + verdict.replicas_needed);
    }
    economy_.set_audits(unit, effects.audits[unit]);
    close_reissue(unit, true);
    if (reported.failed && !is_final(verdict)) failures.push_back(*reported.failed);
  }
  take_endings(effects.endings);
  for (const auto& drained : std::exchange(drained_, {})) {
    spdlog::warn("agent is drained agent={} reason=\"{}\"", drained.agent, drained.reason);
    if (auto ok = drain_agent(ledger_.leadership(), drained.agent, drained.reason); !ok) return ok;
  }
  return fail_units(failures);
}

void Dispatcher::close(const wire::VerdictT& verdict) {
  const auto id = static_cast<UnitId>(verdict.unit);
  const Unit* unit = economy_.unit(id);
  if (unit == nullptr) return;
  const bool accepted = verdict.decision == wire::Decision::accepted;
  ++(accepted ? units_accepted_ : units_failed_);
  if (!accepted) say_failed(*unit, verdict.reason);
  Closed closed = economy_.close_unit(id, accepted, "the frame is finished");
  outgoing_.stop(closed.stop);
  std::ranges::move(closed.drained, std::back_inserter(drained_));
}

Result<> Dispatcher::fail_units(const std::vector<UnitFailure>& failures) {
  if (failures.empty()) return {};
  const auto endings = ledger_.fail_units(failures);
  if (!endings) return std::unexpected(endings.error());
  for (const auto& failure : failures) {
    const Unit* unit = economy_.unit(failure.unit);
    if (unit == nullptr) continue;
    if (unit->reissued) {
      close_reissue(failure.unit, false);
      continue;
    }
    // What ended otherwise meanwhile has its own notice on the way.
    if (std::ranges::find(endings->failed, failure.unit) == endings->failed.end()) continue;
    ++units_failed_;
    say_failed(*unit, failure.reason);
    if (unit->shard.frame_count == 1) {
      outgoing_.event(wire::EventKind::frame_failed, unit->job, unit->shard.frame, "",
                      failure.reason);
    }
    outgoing_.stop(economy_.close_unit(failure.unit, false, "the frame has failed").stop);
  }
  take_endings(*endings);
  return {};
}

void Dispatcher::take_endings(const Endings& endings) {
  for (const UnitId id : endings.cancelled) {
    outgoing_.stop(economy_.close_unit(id, false, "another part of its frame failed").stop);
  }
  for (const auto& unit : endings.remade) economy_.add_unit(unit);
  finish_jobs(endings.jobs);
}

/// A divided frame is accepted once the verifier has put its parts together.
Result<> Dispatcher::take_assembled() {
  const auto assembled = ledger_.count_assembled();
  if (!assembled) return std::unexpected(assembled.error());
  for (const auto& frame : assembled->frames) {
    const auto kind =
        frame.accepted ? wire::EventKind::frame_accepted : wire::EventKind::frame_failed;
    outgoing_.event(kind, frame.job, frame.frame, "",
                    frame.accepted ? "all of its parts agree" : frame.error);
  }
  finish_jobs(assembled->jobs);
  return {};
}

void Dispatcher::finish_jobs(const std::vector<JobEnd>& ended) {
  for (const auto& [job, state] : ended) {
    const bool complete = state == "completed";
    spdlog::info("job ended job={} state={}", job, state);
    outgoing_.event(complete ? wire::EventKind::job_completed : wire::EventKind::job_failed, job, 0,
                    "", state);
    outgoing_.stop(economy_.drop_job(job, "the job has ended"));
    if (complete) economy_.job_completed(job);
  }
}

Result<> Dispatcher::know_agents(const std::vector<std::string>& agents) {
  if (agents.empty()) return {};
  auto rows = agents_by_id(ledger_.connection(), agents);
  if (!rows) return std::unexpected(rows.error());
  for (const auto& agent : agents) {
    const auto row = rows->find(agent);
    if (row == rows->end()) {
      const auto known = agents_.find(agent);
      if (known == agents_.end()) continue;
      economy_.set_standing(agent, known->second.owner, Standing::kDisabled, "revoked");
      agents_.erase(known);
      continue;
    }
    economy_.set_standing(agent, row->second.owner, row->second.standing, row->second.reason);
    economy_.set_labels(agent, row->second.owner, row->second.labels);
    agents_[agent] = std::move(row->second);
  }
  return {};
}

/// What an agent tells of itself is written once for each of its runs.
void Dispatcher::note_run(const std::string& owner, const wire::AgentStateT& state) {
  const auto node = economy_.roster().find(state.agent);
  if (node) {
    const Node& known = economy_.roster().node(*node);
    if (known.online && known.started_ms == state.started_ms) return;
  }
  const auto can = state.capabilities ? *state.capabilities : wire::CapabilitiesT{};
  spdlog::info("agent is heard owner={} agent={} class={}", owner, state.agent,
               messages::clean_text(can.render_class, 100));
  for (std::size_t i = 0; i < std::min<std::size_t>(can.devices.size(), Roster::kMaxSlots); ++i) {
    const wire::DeviceT& device = *can.devices[i];
    if (device.trouble.empty()) continue;
    spdlog::warn("agent leaves out a device agent={} device={} name=\"{}\" reason=\"{}\"",
                 state.agent, messages::clean_text(device.id, 20),
                 messages::clean_text(device.name, 100), messages::clean_text(device.trouble, 300));
  }
  facts_[state.agent] = {state.agent, can, state.slots};
}

/// Before anything is given to them: the trust engine wants to know how many owners there are.
Result<> Dispatcher::note_presence() {
  Leadership& leadership = ledger_.leadership();
  if (const auto silent = economy_.take_silent(); !silent.empty()) {
    if (auto ok = note_silent(leadership, silent); !ok) return ok;
    for (const auto& agent : silent) {
      if (!facts_.contains(agent)) agents_.erase(agent);  // it was heard again since
    }
  }
  std::vector<AgentFacts> facts;
  for (auto& [agent, fact] : std::exchange(facts_, {})) facts.push_back(std::move(fact));
  return facts.empty() ? Result<>{} : note_agents(leadership, facts);
}

Result<> Dispatcher::take_states(std::unordered_map<std::string, wire::AgentStateT> states) {
  std::vector<std::string> strangers;
  for (const auto& [agent, state] : states) {
    if (!agents_.contains(agent)) strangers.push_back(agent);
  }
  if (auto ok = know_agents(strangers); !ok) return ok;
  const auto now = parts_.clock.now();
  std::vector<std::string> returned;
  for (const auto& [agent, state] : states) {
    const auto known = agents_.find(agent);
    if (known == agents_.end()) continue;  // may be enrolled a moment later
    note_run(known->second.owner, state);
    outgoing_.show(known->second.owner, state);
    const HeartbeatOutcome outcome = economy_.heartbeat(known->second.owner, state, now);
    for (const auto& id : outcome.resend) {
      const Lease* lease = economy_.lease(id);
      const Unit* unit = economy_.unit(lease->unit);
      if (unit == nullptr) continue;
      outgoing_.assign(std::array{order_of(*lease, *unit, *economy_.job(unit->job))});
      economy_.sent(id, now);
    }
    outgoing_.stop(outcome.stop);
    if (const Job* next = economy_.job(outcome.next_job)) outgoing_.hint(agent, *next);
    returned.insert(returned.end(), outcome.returned.begin(), outcome.returned.end());
  }
  if (auto ok = note_presence(); !ok) return ok;
  if (returned.empty()) return {};
  spdlog::info("leases were handed back count={} first={}", returned.size(), returned.front());
  return ledger_.take_back(returned);
}

}  // namespace worldshare::dispatcher
