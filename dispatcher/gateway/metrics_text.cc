#include "dispatcher/gateway/metrics_text.h"

#include <fmt/format.h>

#include <functional>

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
  /// One sample of each row, named by `key`.
  template <class Rows, class Key, class Value>
  void labelled(const char* name,
                const char* help,
                const Rows& rows,
                const char* label,
                Key key,
                Value value) {
    family(name, "gauge", help);
    for (const auto& row : rows) {
      sample(name, std::invoke(value, row),
             fmt::format("{}=\"{}\"", label, escaped(std::invoke(key, row))));
    }
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void add_queue(Text& text, const Economy::Depths& depths) {
  using Tenant = Economy::TenantDepth;
  using Need = Economy::NeedDepth;
  const auto of_tenants = [&](const char* name, const char* help, auto value) {
    text.labelled(name, help, depths.tenants, "tenant", &Tenant::tenant, value);
  };
  const auto of_needs = [&](const char* name, const char* help, auto value) {
    text.labelled(name, help, depths.needs, "need", &Need::need, value);
  };
  of_tenants("queue_frames", "Frames without a unit yet, by tenant", &Tenant::frames_waiting);
  of_tenants("queue_jobs", "Unfinished jobs, by tenant", &Tenant::jobs);
  of_tenants("tenant_leases", "Replicas in work, by tenant", &Tenant::leases);
  of_needs("class_queue_frames", "Frames without a unit yet, by what they need",
           &Need::frames_waiting);
  of_needs("class_free_seats", "Free slots that could serve a need", &Need::free_seats);
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
  text.single("units_unaudited_total", "counter",
              "Units rendered again because nobody connected could audit them", economy.unaudited);
  text.single("leases_trusted_total", "counter", "Leases granted to trusted hardware",
              economy.trusted);
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
  text.single("trusted_owners", "gauge", "Owners whose agents are trusted hardware",
              notice.trusted_owners);
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
