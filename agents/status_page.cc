#include "agents/status_page.h"

#include <boost/json.hpp>

namespace worldshare::agent {
namespace {

namespace json = boost::json;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kCreditAge{60};

double seconds_since(steady_clock::time_point then) {
  return std::chrono::duration<double>(steady_clock::now() - then).count();
}

const char* word(WorkHistory::Outcome outcome) {
  switch (outcome) {
    case WorkHistory::Outcome::rendered: return "rendered";
    case WorkHistory::Outcome::failed: return "failed";
    case WorkHistory::Outcome::handed_back: return "handed back";
  }
  return "";
}

json::array devices_of(const wire::CapabilitiesT& capabilities) {
  json::array out;
  for (const auto& device : capabilities.devices) {
    out.push_back(json::object{{"id", device->id},
                               {"name", device->name},
                               {"render_class", device->render_class},
                               {"memory_bytes", device->memory_bytes},
                               {"slots", json::value_from(device->slots)},
                               {"trouble", device->trouble}});
  }
  return out;
}

json::array slots_of(const std::vector<SlotPlan>& slots, const LeaseBook& book) {
  json::array out;
  const auto works = book.works();
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    json::object line{{"slot", slot}, {"device", slots[slot].on.device.id}, {"phase", "free"}};
    for (const auto& work : works) {
      if (work.slot != slot) continue;
      line["phase"] = wire::EnumNameLeasePhase(work.phase);
      line["frame"] = work.frame;
      line["progress"] = work.progress;
      line["seconds"] = seconds_since(work.began);
    }
    out.push_back(std::move(line));
  }
  return out;
}

json::array history_of(const WorkHistory& history) {
  json::array out;
  for (const auto& entry : history.entries()) {
    out.push_back(json::object{{"frame", entry.frame},
                               {"outcome", word(entry.outcome)},
                               {"detail", entry.detail},
                               {"seconds", entry.seconds},
                               {"ended_ms", entry.ended_ms}});
  }
  return out;
}

}  // namespace

void StatusPage::set_stage(Stage stage, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  stage_ = stage;
  reason_ = reason;
}

void StatusPage::set_terms(const wire::HelloReplyT& terms) {
  const std::lock_guard lock(mutex_);
  owner_ = terms.owner;
  notice_ = terms.notice;
}

void StatusPage::set_credit_source(std::function<std::optional<double>()> source) {
  const std::lock_guard lock(mutex_);
  credit_source_ = std::move(source);
}

std::optional<double> StatusPage::credit() {
  std::function<std::optional<double>()> source;
  {
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    if (!credit_source_ ||
        (credit_asked_ != steady_clock::time_point{} && now - credit_asked_ < kCreditAge)) {
      return credit_;
    }
    credit_asked_ = now;
    source = credit_source_;
  }
  const auto fresh = source();
  const std::lock_guard lock(mutex_);
  if (fresh) credit_ = fresh;
  return credit_;
}

std::string StatusPage::state_word(Stage stage, bool working) const {
  switch (stage) {
    case Stage::connecting: return "waiting for the broker";
    case Stage::greeting: return "waiting for the farm";
    case Stage::broker_away: return "broker away";
    case Stage::leaving: return "leaving";
    case Stage::serving: break;
  }
  if (parts_.gate.reason().empty()) return working ? "rendering" : "idle";
  return working ? "finishing, then paused" : "paused";
}

std::string StatusPage::json() {
  const auto earned = credit();
  const auto totals = parts_.history.totals();
  const bool working = !parts_.book.works().empty();
  const std::lock_guard lock(mutex_);
  const std::string closed = parts_.gate.reason();
  json::object out{{"agent", parts_.agent},
                   {"version", WORLDSHARE_VERSION},
                   {"owner", owner_.empty() ? parts_.config.farm_owner : owner_},
                   {"server", parts_.config.farm_server},
                   {"broker", parts_.config.nats_url},
                   {"render_class", parts_.capabilities.render_class},
                   {"state", state_word(stage_, working)},
                   {"reason", !reason_.empty() ? reason_
                              : closed.empty() ? notice_
                                               : closed},
                   {"bandwidth", parts_.config.bandwidth()},
                   {"devices", devices_of(parts_.capabilities)},
                   {"slots", slots_of(parts_.slots, parts_.book)},
                   {"scenes", parts_.scenes.list().size()},
                   {"rendered", totals.rendered},
                   {"failed", totals.failed},
                   {"handed_back", totals.handed_back},
                   {"history", history_of(parts_.history)}};
  if (earned) out["credit"] = *earned;
  return json::serialize(out);
}

}  // namespace worldshare::agent
