#include "tests/integration/verifier_bench.h"

#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "shared/blobs/store.h"
#include "shared/files.h"
#include "shared/ids.h"
#include "shared/messages/ticket.h"
#include "shared/messages/verdicts.h"
#include "verifier/policy/shipped_policies.h"
#include "verifier/service.h"

namespace worldshare::testing {
namespace {

constexpr std::chrono::seconds kPatience{30};
const std::string kScene = to_hex(sha256(as_bytes("scene")));

constexpr const char* kJob = R"(
  insert into jobs (id, tenant, title, manifest, scene, frames_total, frames_made, replicas,
                    max_replicas, state)
  values ($1, 'studio', 'test', jsonb_build_object('output', $5::jsonb), $2, 1, 1, $3, $4, 'active'))";

constexpr const char* kReplica = R"(
  insert into replicas (lease, unit, agent, owner, slot, leased_at, expires_at)
  values ($1, $2, $3, $4, 0, now() - interval '1 hour', now() + interval '1 hour'))";

pg::Connection connect(const std::string& conninfo) {
  auto connection = pg::Connection::open(conninfo);
  WS_CHECK(connection, "the test's database answers");
  return std::move(*connection);
}

pg::Rows must(Result<pg::Rows> rows) {
  EXPECT_TRUE(rows) << to_string(rows.error().code) << ": " << rows.error().message;
  WS_CHECK(rows, "the test's own SQL works");
  return std::move(*rows);
}

}  // namespace

namespace {

cv::Mat noise(unsigned seed) {
  cv::Mat pixels(20, 24, CV_8UC3);
  cv::RNG random(seed);
  random.fill(pixels, cv::RNG::UNIFORM, 20, 230);
  return pixels;
}

Bytes png(const cv::Mat& pixels) {
  Bytes out;
  WS_CHECK(cv::imencode(".png", pixels, out), "OpenCV writes PNG");
  return out;
}

}  // namespace

Bytes picture(unsigned seed, int error) {
  cv::Mat pixels = noise(seed);
  for (int i = 0; i < error; ++i) ++pixels.at<cv::Vec3b>(0, i)[1];
  return png(pixels);
}

Bytes brighter_picture(unsigned seed, int error) {
  return png(noise(seed) + cv::Scalar::all(error));
}

VerifierBench::VerifierBench(NatsServer& broker, PostgresServer& postgres)
    : broker_(broker),
      conninfo_(postgres.fresh_database()),
      database_(connect(conninfo_)),
      operator_(broker.connect(broker.operator_key(), "bench")) {
  if (auto ok = broker.verifier().save(folder_.path() / "verifier.seed"); !ok) std::abort();
  verdict_subscription_ = std::move(*operator_->subscribe("verdicts.*"));
  rejections_ = std::move(*operator_->subscribe("dlq.results"));
  use_policy("founding");
  execute("insert into tenants (id) values ('studio')");
  must(database_.exec(
      "insert into scenes (sha256, size_bytes, name, blender) values ($1, 5, 's.blend', '3.4')",
      {kScene}));
}

verifier::Config VerifierBench::config() const {
  verifier::Config out;
  out.nats_url = broker_.url();
  out.nats_seed_file = folder_.path() / "verifier.seed";
  out.postgres_conninfo = conninfo_;
  out.blobs.directory = folder_.path() / "blobs";
  out.dispatcher_public_key = broker_.dispatcher().public_key();
  out.http_port = 0;
  out.trust_policy = policy_;
  out.policies_file = folder_.path() / "policy.yaml";
  return out;
}

void VerifierBench::use_policy(const std::string& name, double canaries) {
  policy_ = name;
  std::string text = verifier::policy::shipped_policies();
  const auto replace = [&](const std::string& what, const std::string& with) {
    const auto at = text.find(what);
    WS_CHECK(at != std::string::npos, "the shipped policies have it");
    text.replace(at, what.size(), with);
  };
  replace("canaries.rate: 0.1", "canaries.rate: " + std::to_string(canaries));
  // Of ten units nine get three audits; here all do.
  replace("audits: {minimum: 2.9,", "audits: {minimum: 3,");
  WS_CHECK(write_file_atomically(folder_.path() / "policy.yaml", text, 0600), "policy.yaml");
}

void VerifierBench::start_verifier(std::uint32_t workers) {
  auto settings = config();
  settings.workers = workers;
  start_verifier(settings);
}

void VerifierBench::start_verifier(const verifier::Config& config) {
  verifiers_.emplace_back([config](std::stop_token stop) {
    const auto outcome = verifier::serve(config, stop);
    EXPECT_TRUE(outcome) << outcome.error().message;
  });
}

void VerifierBench::stop_verifiers() { verifiers_.clear(); }

Volunteer& VerifierBench::volunteer(const std::string& owner) {
  const auto found = volunteers_.find(owner);
  if (found != volunteers_.end()) return found->second;
  Volunteer made{broker_.add_agent(), owner, nullptr};
  made.connection = broker_.connect(made.key, owner);
  must(database_.exec("insert into owners (id) values ($1)", {owner}));
  must(database_.exec("insert into agents (id, owner) values ($1, $2)", {made.agent(), owner}));
  return volunteers_.emplace(owner, std::move(made)).first->second;
}

std::int64_t VerifierBench::unit(unsigned replicas,
                                 unsigned max_replicas,
                                 const std::string& output) {
  const std::string job = new_id();
  must(database_.exec(kJob, {job, kScene, replicas, max_replicas, output}));
  return must(database_.exec(
                  "insert into units (job, frame, replicas_wanted) values ($1, 7, $2) returning id",
                  {job, replicas}))
      .integer(0, 0);
}

Lease VerifierBench::lease(std::int64_t unit, Volunteer& holder) {
  Lease out{new_id(), unit, &holder, {}};
  must(database_.exec(kReplica, {out.id, unit, holder.agent(), holder.owner}));
  const std::string text = query("select shard from units where id = " + std::to_string(unit));
  const auto shard = messages::parse_shard(text.empty() ? "frame=7" : text);
  out.ticket =
      messages::sign_ticket(broker_.dispatcher(), {out.id, holder.agent(), kScene, shard.value()});
  return out;
}

void VerifierBench::sign_together(std::vector<Lease>& leases) {
  std::vector<messages::Ticket> tickets;
  for (const auto& lease : leases)
    tickets.push_back({lease.id, lease.holder->agent(), kScene, {7}});
  auto bytes = messages::sign_tickets(broker_.dispatcher(), tickets);
  for (std::size_t i = 0; i < leases.size(); ++i) leases[i].ticket = std::move(bytes[i]);
}

std::string VerifierBench::commit(const Lease& lease, const Bytes& artifact) {
  const auto store = blobs::Store::open(folder_.path() / "blobs");
  const std::string name = to_hex(sha256(artifact));
  EXPECT_TRUE(store->keep(name, artifact));
  must(database_.exec(
      "update replicas set committed_sha256 = $2, committed_bytes = $3 where lease = $1",
      {lease.id, name, artifact.size()}));
  return name;
}

wire::ResultT VerifierBench::rendered(const Lease& lease, const Bytes& artifact) const {
  wire::ResultT out;
  out.lease = lease.id;
  out.agent = lease.holder->agent();
  out.ticket = lease.ticket;
  out.outcome = wire::Outcome::rendered;
  out.artifact = std::make_unique<wire::ArtifactT>();
  out.artifact->sha256 = to_hex(sha256(artifact));
  out.artifact->size_bytes = artifact.size();
  out.render_seconds = 12.5F;
  out.renderer = "Blender 3.4.1";
  return out;
}

wire::ResultT VerifierBench::failed(const Lease& lease, const std::string& code) const {
  wire::ResultT out;
  out.lease = lease.id;
  out.agent = lease.holder->agent();
  out.ticket = lease.ticket;
  out.outcome = wire::Outcome::failed;
  out.error_code = code;
  return out;
}

void VerifierBench::send(const Lease& lease,
                         const wire::ResultT& result,
                         const std::string& message_id) {
  wire::SignedResultT message;
  message.payload = messages::encode(result);
  message.signature = lease.holder->key.sign(message.payload);
  const auto stored = lease.holder->connection->publish_stored(
      "results." + lease.holder->agent() + "." + lease.id, messages::encode(message),
      message_id.empty() ? lease.id : message_id, "", kPatience);
  EXPECT_TRUE(stored) << stored.error().message;
}

void VerifierBench::render(const Lease& lease, const Bytes& artifact) {
  commit(lease, artifact);
  send(lease, rendered(lease, artifact));
}

void VerifierBench::send_raw(const std::string& subject, const Bytes& data) {
  EXPECT_TRUE(operator_->publish_stored(subject, data, new_id(), "", kPatience));
}

void VerifierBench::read_verdicts() {
  for (;;) {
    auto message = verdict_subscription_->next(std::chrono::milliseconds(20));
    if (!message || !*message) return;
    auto verdicts = messages::unpack_verdicts((*message)->data());
    ASSERT_TRUE(verdicts);
    for (auto& verdict : *verdicts) verdicts_[verdict.lease].push_back(std::move(verdict));
  }
}

wire::VerdictT VerifierBench::verdict(const Lease& lease) {
  const bool came = eventually([&] { return verdict_count(lease) > 0; });
  EXPECT_TRUE(came) << "no verdict on lease " << lease.id;
  return came ? verdicts_[lease.id].front() : wire::VerdictT{};
}

int VerifierBench::verdict_count(const Lease& lease) {
  read_verdicts();
  return static_cast<int>(verdicts_[lease.id].size());
}

std::string VerifierBench::query(const std::string& sql) {
  auto rows = database_.exec(sql.c_str());
  // A test may have stopped the server in between: the first call notices, a later one reconnects.
  for (int i = 0; i < 3 && !rows && rows.error().code == Errc::kUnavailable; ++i) {
    rows = database_.exec(sql.c_str());
  }
  const auto found = must(std::move(rows));
  return found.empty() ? "" : found.str(0, 0);
}

void VerifierBench::execute(const std::string& sql) { must(database_.exec(sql.c_str())); }

void VerifierBench::set_ack_wait(std::chrono::seconds time) {
  const std::string request =
      R"({"stream_name": "RESULTS", "config": {"durable_name": "verifiers", "deliver_policy": "all",)"
      R"( "ack_policy": "explicit", "max_deliver": -1, "max_ack_pending": 10000, "ack_wait": )" +
      std::to_string(std::chrono::nanoseconds(time).count()) + "}}";
  const auto answer = operator_->request("$JS.API.CONSUMER.DURABLE.CREATE.RESULTS.verifiers",
                                         as_bytes(request), kPatience);
  EXPECT_TRUE(answer && !as_text(answer->data()).contains("error")) << as_text(answer->data());
}

std::string VerifierBench::next_rejection() {
  auto message = rejections_->next(kPatience);
  if (!message || !*message) return "none came";
  return (*message)->header("Reason");
}

bool VerifierBench::eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace worldshare::testing
