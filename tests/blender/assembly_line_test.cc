// The verifier's way from accepted parts to the artist's image: real rows, real blobs, real
// Blender.

#include "verifier/assembly/assembly_line.h"

#include <gtest/gtest.h>

#include "agents/blender/artifact.h"
#include "agents/blender/renderer.h"
#include "shared/files.h"
#include "tests/blender/scene_folder.h"
#include "tests/support/postgres_server.h"

namespace worldshare {
namespace {

using messages::Shard;
using testing::PostgresServer;
using testing::scene_folder;
using testing::TempFolder;

constexpr std::uint64_t kLimit = 64U << 20;
constexpr const char* kManifest = R"({"output": {"width": 64, "height": 36}})";

template <class T>
T must(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return std::move(*result);
}

class AssemblyLineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { postgres_ = PostgresServer::start(); }
  static void TearDownTestSuite() { postgres_.reset(); }

  void SetUp() override {
    scene_ = store(testing::read_all(scene_folder() / "cycles.blend"));
    execute("insert into tenants (id) values ('studio')");
    execute("insert into owners (id) values ('o')");
    execute("insert into agents (id, owner) values ('a', 'o')");
    must(
        database_.exec("insert into scenes (sha256, size_bytes, name, blender) values ($1, 5, "
                       "'s.blend', '3.4')",
                       {scene_}));
    must(
        database_.exec("insert into jobs (id, tenant, title, manifest, scene, frames_total, "
                       "replicas, max_replicas) values ('job', 'studio', 't', $1::jsonb, $2, 9, "
                       "1, 5)",
                       {kManifest, scene_}));
    options_.finisher.agent_program = WS_BINARY_DIR "/worldshare-agent";
    options_.scratch = folder_.path() / "assembly";
  }

  std::string store(const std::string& bytes) {
    const auto view = as_bytes(bytes);
    const std::string name = to_hex(sha256(view));
    auto upload = must(blobs_.begin(name, view.size()));
    EXPECT_TRUE(upload.write(view) && upload.commit());
    return name;
  }

  void execute(const std::string& sql) { must(database_.exec(sql.c_str())); }
  std::string query(const std::string& sql) {
    const auto rows = must(database_.exec(sql.c_str()));
    return rows.empty() ? "" : rows.str(0, 0);
  }

  /// A unit as the dispatcher makes it.
  std::int64_t unit(const std::string& shard) {
    return must(database_.exec("insert into units (job, frame, shard, parts, replicas_wanted) "
                               "values ('job', 3, $1, 2, 1) returning id",
                               {shard}))
        .integer(0, 0);
  }
  /// What the judge writes when it accepts a part.
  void accept(std::int64_t unit, const std::string& artifact) {
    const std::string lease = "lease" + std::to_string(unit);
    must(
        database_.exec("insert into replicas (lease, unit, agent, owner, slot, expires_at) "
                       "values ($1, $2, 'a', 'o', 0, now())",
                       {lease, unit}));
    must(
        database_.exec("insert into verdicts (unit, lease, decision, artifact, reason) values "
                       "($1, $2, 'accepted', $3, 'alike')",
                       {unit, lease, artifact}));
    execute("insert into assemblies (job, frame) values ('job', 3) on conflict do nothing");
  }

  std::string artifact(const std::string& shard) {
    auto request = testing::request(3);
    const Shard parsed = must(messages::parse_shard(shard));
    request.tile = parsed.tile;
    request.samples = parsed.samples;
    const auto outcome = renderer_.render(scene_folder() / "cycles.blend", request, {}, {});
    EXPECT_EQ(outcome.end, agent::RenderEnd::kDone) << outcome.error;
    const Bytes bytes = must(agent::read_artifact(outcome.image, request, kLimit));
    return store(std::string(bytes.begin(), bytes.end()));
  }

  Result<bool> make_next() {
    verifier::Assembler assembler(artifacts_, options_);
    auto connection = must(pg::Connection::open(conninfo_));
    return verifier::AssemblyLine(std::move(connection), assembler).do_next();
  }

  /// In the place of the agent.
  void use_program(const std::string& shell) {
    const auto path = folder_.path() / "program";
    EXPECT_TRUE(write_file_atomically(path, "#!/bin/sh\n" + shell + "\n", 0700));
    options_.finisher.agent_program = path;
  }
  void try_now() {
    execute("update assemblies set due_at = now()");
    EXPECT_TRUE(must(make_next()));
  }

  static std::unique_ptr<PostgresServer> postgres_;
  TempFolder folder_;
  const std::string conninfo_ = postgres_->fresh_database();
  pg::Connection database_ = must(pg::Connection::open(conninfo_));
  const blobs::Store blobs_ = must(blobs::Store::open(folder_.path() / "blobs"));
  verifier::Artifacts artifacts_{must(blobs::Store::open(folder_.path() / "blobs")),
                                 {.file_bytes = kLimit, .cache_bytes = kLimit},
                                 nullptr};
  agent::Renderer renderer_{testing::blender_options(folder_)};
  verifier::AssemblerOptions options_;
  std::string scene_;
};

std::unique_ptr<PostgresServer> AssemblyLineTest::postgres_;

constexpr const char* kLeft = "frame=3 tile=0,0,31,36 margin=4";
constexpr const char* kRight = "frame=3 tile=31,0,64,36 margin=4";

TEST_F(AssemblyLineTest, AFrameIsMadeOnceWhenItsLastPartIsAccepted) {
  const std::int64_t left = unit(kLeft);
  const std::int64_t right = unit(kRight);
  accept(right, artifact(kRight));
  EXPECT_FALSE(must(make_next())) << "a part is missing";
  accept(left, artifact(kLeft));
  EXPECT_TRUE(must(make_next()));
  EXPECT_EQ(query("select artifact from outputs where job = 'job' and frame = 3"),
            artifact("frame=3"));
  EXPECT_EQ(query("select state from assemblies"), "made");
  EXPECT_FALSE(must(make_next())) << "it is made";
}

TEST_F(AssemblyLineTest, WhatCannotBeMadeNowIsTriedLater) {
  const std::string picture = artifact(kLeft);
  const std::int64_t left = unit(kLeft);
  const std::int64_t right = unit(kRight);
  accept(left, picture);
  accept(right, artifact(kRight));
  std::filesystem::remove(must(blobs_.file(picture)));
  EXPECT_TRUE(must(make_next()));
  EXPECT_EQ(query("select state || ' ' || tries || ' ' || (due_at > now()) from assemblies"),
            "waiting 1 true");
  EXPECT_NE(query("select error from assemblies"), "");
  EXPECT_FALSE(must(make_next())) << "not due yet";
  EXPECT_EQ(artifact(kLeft), picture) << "the blob is there again";
  execute("update assemblies set due_at = now()");
  EXPECT_TRUE(must(make_next()));
  EXPECT_EQ(query("select state from assemblies"), "made");
}

TEST_F(AssemblyLineTest, WhatAlwaysCrashesFailsAtTheFifthTimeAndWhatIsOnlyMissingDoesNot) {
  accept(unit(kLeft), artifact(kLeft));
  accept(unit(kRight), artifact(kRight));
  use_program("exit 1");
  for (int i = 0; i < 6; ++i) try_now();
  EXPECT_EQ(query("select state || ' ' || tries || ' ' || crashes from assemblies"), "waiting 6 0");
  for (const char* crash : {"exit 3", "kill -SEGV $$", "exit 3", "kill -KILL $$"}) {
    use_program(crash);
    try_now();
  }
  EXPECT_EQ(query("select state || ' ' || crashes from assemblies"), "waiting 4");
  try_now();
  EXPECT_EQ(query("select state || ' ' || (finished_at is not null) from assemblies"),
            "failed true");
  EXPECT_NE(query("select error from assemblies").find("signal 9"), std::string::npos);
}

TEST_F(AssemblyLineTest, FramesOfJobsThatAreOverAreNotMade) {
  accept(unit(kLeft), artifact(kLeft));
  accept(unit(kRight), artifact(kRight));
  execute("update jobs set state = 'cancelled'");
  EXPECT_FALSE(must(make_next()));
}

TEST_F(AssemblyLineTest, WhatNeverCanBeMadeFailsWithItsReason) {
  const std::int64_t left = unit(kLeft);
  const std::int64_t right = unit("frame=3 tile=32,0,64,36");
  accept(left, artifact(kLeft));
  accept(right, artifact(kLeft));
  EXPECT_TRUE(must(make_next()));
  EXPECT_EQ(query("select state from assemblies"), "failed");
  EXPECT_NE(query("select error from assemblies").find("a tile is missing"), std::string::npos);
  EXPECT_EQ(query("select count(*) from outputs"), "0");
}

}  // namespace
}  // namespace worldshare
