#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

#include "agents/swarm/roster.h"
#include "agents/swarm/synthetic_picture.h"
#include "shared/blobs/store.h"
#include "shared/ids.h"
#include "shared/messages/messages.h"
#include "shared/messages/ticket.h"
#include "shared/nats/pull_consumer.h"
#include "shared/nats/stored_publisher.h"
#include "shared/pg/connection.h"

// What `./dev bench economy` compares with, and what it needs besides a farm:
//   economy_bench --baseline ...  how fast JetStream and PostgreSQL are by themselves
//   economy_bench --backlog N ... N units whose results wait in the stream for a verifier

namespace worldshare {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kBatch = 256;
constexpr auto kTimeout = 20s;
constexpr std::uint32_t kSide = 16;  // pixels

struct Options {
  std::string nats_url;
  std::string postgres;
  std::filesystem::path folder;  // of seeds, roster and blobs
  bool baseline = false;
  std::uint32_t backlog = 0;
  std::uint32_t agents = 2;
  double seconds = 5;
};

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) std::fprintf(stderr, "%s: %s\n", what, result.error().message.c_str());
  if (!result) std::exit(1);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::unique_ptr<nats::Connection> connect(const Options& options, const std::string& who) {
  nats::ConnectOptions connect;
  connect.url = options.nats_url;
  connect.name = "economy-bench";
  connect.seed = must(NKey::load(options.folder / (who + ".seed")), "seed").seed();
  return must(nats::Connection::open(connect), "broker");
}

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

void publish(nats::StoredPublisher& publisher, const std::vector<nats::StoredMessage>& messages) {
  for (std::size_t at = 0; at < messages.size(); at += kBatch) {
    const auto some = std::span(messages).subspan(at, std::min(kBatch, messages.size() - at));
    for (auto& answer : publisher.publish(some, kTimeout)) must(std::move(answer), "publish");
  }
}

/// Messages a second that are published and stored, then pulled and acknowledged, by one client
/// that does nothing else. As large as a result.
double jetstream_rate(const Options& options) {
  auto broker = connect(options, "operator");
  nats::StoredPublisher publisher(*broker);
  auto consumer = must(nats::PullConsumer::open(*broker, "JOBS", "dispatcher"), "consumer");
  const auto begin = SteadyClock::now();
  std::size_t done = 0;
  while (seconds_since(begin) < options.seconds) {
    std::vector<nats::StoredMessage> messages;
    for (std::size_t i = 0; i < kBatch; ++i) {
      messages.push_back({"jobs.submit.bench", Bytes(500), new_id(), ""});
    }
    publish(publisher, messages);
    for (std::size_t taken = 0; taken < kBatch;) {
      const auto batch = must(consumer.fetch(static_cast<int>(kBatch - taken), 1s), "fetch");
      for (const auto& message : batch) must(consumer.ack(message), "ack");
      taken += batch.size();
    }
    done += kBatch;
  }
  must(broker->flush(5s), "flush");
  return static_cast<double>(done) / seconds_since(begin);
}

/// Rows a second into a table with a key and no other index, a thousand a commit.
double postgres_rate(const Options& options) {
  auto database = must(pg::Connection::open(options.postgres), "database");
  must(database.script("create table bench_rows (id text primary key, number bigint not null, "
                       "value text not null, at timestamptz not null default now())"),
       "create");
  const auto begin = SteadyClock::now();
  std::size_t done = 0;
  while (seconds_since(begin) < options.seconds) {
    std::vector<std::string> ids;
    std::vector<std::int64_t> numbers;
    for (int i = 0; i < 1000; ++i) {
      ids.push_back(new_id());
      numbers.push_back(i);
    }
    must(database.exec("insert into bench_rows (id, number, value) select id, n, id || id from "
                       "unnest($1::text[], $2::bigint[]) x(id, n)",
                       {pg::array(ids), pg::array(numbers)}),
         "insert");
    done += ids.size();
  }
  const double rate = static_cast<double>(done) / seconds_since(begin);
  must(database.script("drop table bench_rows"), "drop");
  return rate;
}

/// Rows as the dispatcher writes them, in one go.
class Backlog {
 public:
  explicit Backlog(const Options& options)
      : options_(options),
        members_(must(swarm::load_roster(options.folder / "roster.txt", options.agents), "roster")),
        database_(must(pg::Connection::open(options.postgres), "database")),
        dispatcher_(must(NKey::load(options.folder / "dispatcher.seed"), "seed")) {}

  void make() {
    store_picture();
    make_job();
    auto broker = connect(options_, "operator");
    nats::StoredPublisher publisher(*broker);
    for (std::int64_t frame = 1; frame <= options_.backlog; frame += 1000) {
      make_units(frame, std::min<std::int64_t>(frame + 999, options_.backlog));
      publish(publisher, messages_);
    }
  }

 private:
  void exec(const char* sql, std::initializer_list<pg::Param> params) {
    must(database_.exec(sql, params), "sql");
  }

  void store_picture() {
    const Bytes picture = swarm::make_picture(kSide, kSide, 0);
    artifact_.sha256 = to_hex(sha256(picture));
    artifact_.size_bytes = picture.size();
    const auto store = must(blobs::Store::open(options_.folder / "blobs"), "blobs");
    must(store.keep(artifact_.sha256, picture), "upload");
  }

  void make_job() {
    exec("insert into tenants (id) values ('bench') on conflict do nothing", {});
    exec(
        "insert into scenes (sha256, size_bytes, name, blender) values ($1, 5, 's.blend', '3.4') "
        "on conflict do nothing",
        {scene_});
    exec(
        "insert into jobs (id, tenant, title, manifest, scene, frames_total, frames_made, "
        "replicas, "
        "max_replicas, state) values ($1, 'bench', 'backlog', '{\"output\": {\"width\": 16, "
        "\"height\": 16}}', $2, $3, $3, 2, 5, 'completed')",
        {job_, scene_, options_.backlog});
  }

  void make_units(std::int64_t first, std::int64_t last) {
    exec(
        "insert into units (job, frame, replicas_wanted) select $1, f, 2 from "
        "generate_series($2::int, $3::int) f",
        {job_, first, last});
    std::vector<std::string> leases;
    std::vector<std::string> agents;
    std::vector<std::string> owners;
    std::vector<std::int64_t> frames;
    messages_.clear();
    for (std::int64_t frame = first; frame <= last; ++frame) {
      for (std::size_t replica = 0; replica < 2; ++replica) {
        const auto index = (static_cast<std::size_t>(frame) * 2 + replica) % members_.size();
        const auto& member = members_[index];
        leases.push_back(new_id());
        agents.push_back(member.key.public_key());
        owners.push_back(member.owner);
        frames.push_back(frame);
        messages_.push_back(result(leases.back(), member, static_cast<std::int32_t>(frame)));
      }
    }
    exec(
        "insert into replicas (lease, unit, agent, owner, slot, leased_at, expires_at, "
        "committed_sha256, committed_bytes) select x.lease, u.id, x.agent, x.owner, 0, now() - "
        "interval '1 hour', now() + interval '1 hour', $6, $7 from unnest($2::text[], $3::text[], "
        "$4::text[], $5::int[]) x(lease, agent, owner, frame) join units u on u.job = $1 and "
        "u.frame = x.frame",
        {job_, pg::array(leases), pg::array(agents), pg::array(owners), pg::array(frames),
         artifact_.sha256, artifact_.size_bytes});
  }

  nats::StoredMessage result(const std::string& lease,
                             const swarm::Member& member,
                             std::int32_t frame) const {
    const std::string& agent = member.key.public_key();
    wire::ResultT out;
    out.lease = lease;
    out.agent = agent;
    out.ticket = messages::sign_ticket(dispatcher_, {lease, agent, scene_, frame});
    out.outcome = wire::Outcome::rendered;
    out.artifact = std::make_unique<wire::ArtifactT>(artifact_);
    out.render_seconds = 1;
    wire::SignedResultT message;
    message.payload = messages::encode(out);
    message.signature = member.key.sign(message.payload);
    return {"results." + agent + "." + lease, messages::encode(message), lease, ""};
  }

  const Options& options_;
  const std::vector<swarm::Member> members_;
  pg::Connection database_;
  const NKey dispatcher_;
  const std::string job_ = new_id();
  const std::string scene_ = to_hex(sha256(as_bytes("backlog")));
  wire::ArtifactT artifact_;
  std::vector<nats::StoredMessage> messages_;
};

}  // namespace
}  // namespace worldshare

int main(int argc, char** argv) {
  worldshare::Options options;
  CLI::App app("What ./dev bench economy measures its figures with");
  app.add_option("--nats", options.nats_url)->required();
  app.add_option("--postgres", options.postgres)->required();
  app.add_option("--folder", options.folder, "of seeds, roster.txt and blobs")->required();
  app.add_flag("--baseline", options.baseline);
  app.add_option("--backlog", options.backlog, "units");
  app.add_option("--agents", options.agents);
  app.add_option("--seconds", options.seconds);
  CLI11_PARSE(app, argc, argv);
  if (options.backlog > 0) worldshare::Backlog(options).make();
  if (options.baseline) {
    std::printf("{\"jetstream_per_s\": %.1f, \"postgres_per_s\": %.1f}\n",
                worldshare::jetstream_rate(options), worldshare::postgres_rate(options));
  }
  return 0;
}
