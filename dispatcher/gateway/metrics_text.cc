#include "dispatcher/gateway/metrics_text.h"

#include <fmt/format.h>

namespace worldshare::dispatcher {
namespace {

/// Prometheus' escapes in a label's value.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

class Text {
 public:
  void family(const char* name, const char* type, const char* help) {
    out_ += fmt::format("# HELP worldshare_{0} {2}\n# TYPE worldshare_{0} {1}\n", name, type, help);
  }
  template <class Value>
  void sample(const std::string& name, Value value, const std::string& labels = {}) {
    out_ += labels.empty() ? fmt::format("worldshare_{} {}\n", name, value)
                           : fmt::format("worldshare_{}{{{}}} {}\n", name, labels, value);
  }
  template <class Value>
  void single(const char* name, const char* type, const char* help, Value value) {
    family(name, type, help);
    sample(name, value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void add_queue(Text& text, const Economy::Depths& depths) {
  text.family("queue_frames", "gauge", "Frames without a unit yet, by tenant");
  for (const auto& tenant : depths.tenants)
    text.sample("queue_frames", tenant.frames_waiting, "tenant=\"" + escaped(tenant.tenant) + "\"");
  text.family("queue_jobs", "gauge", "Unfinished jobs, by tenant");
  for (const auto& tenant : depths.tenants)
    text.sample("queue_jobs", tenant.jobs, "tenant=\"" + escaped(tenant.tenant) + "\"");
  text.family("tenant_leases", "gauge", "Replicas in work, by tenant");
  for (const auto& tenant : depths.tenants)
    text.sample("tenant_leases", tenant.leases, "tenant=\"" + escaped(tenant.tenant) + "\"");
  text.family("class_queue_frames", "gauge", "Frames without a unit yet, by what they need");
  for (const auto& need : depths.needs)
    text.sample("class_queue_frames", need.frames_waiting, "need=\"" + escaped(need.need) + "\"");
  text.family("class_free_seats", "gauge", "Free slots that could serve a need");
  for (const auto& need : depths.needs)
    text.sample("class_free_seats", need.free_seats, "need=\"" + escaped(need.need) + "\"");
}

void add_latency(Text& text, const Histogram& histogram) {
  text.family("dispatch_seconds", "histogram", "From the news of a free slot to its assignment");
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i)
    text.sample("dispatch_seconds_bucket", histogram.at_most[i],
                fmt::format("le=\"{}\"", Histogram::kBounds[i]));
  text.sample("dispatch_seconds_bucket", histogram.count, "le=\"+Inf\"");
  text.sample("dispatch_seconds_sum", histogram.sum);
  text.sample("dispatch_seconds_count", histogram.count);
}

void add_counters(Text& text, const Figures& figures) {
  const auto& economy = figures.economy;
  text.family("units_total", "counter", "Units with a final verdict");
  text.sample("units_total", figures.units_accepted, "state=\"accepted\"");
  text.sample("units_total", figures.units_failed, "state=\"failed\"");
  text.single("verdicts_total", "counter", "Verdicts taken in", figures.verdicts);
  text.single("leases_granted_total", "counter", "Leases granted", economy.granted);
  text.single("lease_expiries_total", "counter", "Leases that ran out", economy.expired);
  text.single("assignments_resent_total", "counter", "Assignments that an agent did not list",
              economy.resent);
  text.single("heartbeats_total", "counter", "Heartbeats heard", economy.heartbeats);
  text.single("heartbeats_refused_total", "counter",
              "Heartbeats not read: floods and overtaken ones", economy.heartbeats_refused);
  text.single("replicas_speculated_total", "counter", "Replicas asked for beside a straggler",
              economy.speculated);
  text.single("units_poisoned_total", "counter", "Units that failed on too many owners",
              economy.poisoned);
  text.single("agents_drained_total", "counter", "Agents drained for their record",
              economy.drained);
  text.single("redeliveries_total", "counter", "Messages that JetStream delivered again",
              figures.redelivered);
  text.family("assignments_total", "counter", "Publishes into mailboxes, by JetStream's answer");
  text.sample("assignments_total", figures.mailboxes.stored, "answer=\"stored\"");
  text.sample("assignments_total", figures.mailboxes.refused, "answer=\"refused\"");
  text.sample("assignments_total", figures.mailboxes.unanswered, "answer=\"none\"");
}

void add_collected(Text& text, const Collected& collected) {
  text.single("blobs_collected_total", "counter", "Blobs removed because nothing referred to them",
              collected.blobs);
  text.single("blobs_collected_bytes_total", "counter", "Their bytes", collected.bytes);
  text.single("uploads_dropped_total", "counter", "Unfinished uploads removed",
              collected.leftovers);
  text.single("blob_sweeps_total", "counter", "Times that all blobs were looked at",
              collected.sweeps);
  text.single("blob_collection_failures_total", "counter",
              "Times that blobs could not be looked at", collected.failures);
}

}  // namespace

std::string metrics_text(const Board::Notice& notice, const Collected& collected) {
  Text text;
  text.single("leader", "gauge", "Whether this dispatcher leads", notice.leader ? 1 : 0);
  if (!notice.leader) return text.take();
  const Figures& figures = notice.figures;
  text.single("leader_epoch", "gauge", "Grows with every leader", figures.epoch);
  text.single("agents_online", "gauge", "Agents heard lately", notice.nodes_online);
  text.single("leases", "gauge", "Replicas in work", figures.leases);
  text.single("open_units", "gauge", "Units without a final verdict", figures.open_units);
  text.family("lease_age_seconds", "gauge", "Ages of the live leases");
  text.sample("lease_age_seconds", figures.lease_age_median_seconds, "quantile=\"0.5\"");
  text.sample("lease_age_seconds", figures.lease_age_oldest_seconds, "quantile=\"1\"");
  text.single("outbox_lag_seconds", "gauge", "Age of the oldest verdict that is not published",
              figures.outbox_lag_seconds);
  add_queue(text, figures.depths);
  add_latency(text, figures.dispatch_seconds);
  add_counters(text, figures);
  add_collected(text, collected);
  return text.take();
}

}  // namespace worldshare::dispatcher
