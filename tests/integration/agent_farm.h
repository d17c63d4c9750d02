#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent_types.h"
#include "result_types.h"
#include "shared/blobs/signed_url.h"
#include "shared/blobs/store.h"
#include "shared/http/server.h"
#include "tests/support/nats_server.h"
#include "tests/support/temp_folder.h"
#include "work_types.h"

namespace worldshare::testing {

/// The farm as one agent sees it: a real broker, a real blob endpoint, and just enough of a
/// dispatcher to answer rpc, fill mailboxes and look at what comes back. Thread-safe.
class AgentFarm : private http::Handler {
 public:
  AgentFarm();
  ~AgentFarm() override;

  NatsServer& broker() { return *broker_; }

  /// Stores `file` as a blob and makes an assignment of it; 64x36 PNG by Cycles.
  wire::AssignmentT assignment(const std::filesystem::path& file, std::int32_t frame);
  void give(const std::string& agent, std::uint32_t slot, const wire::AssignmentT& assignment);
  void stop(const std::string& agent, std::uint32_t slot, const std::string& lease);
  /// The hint that `file` is likely next.
  void hint(const std::string& agent, const std::filesystem::path& file);

  /// What the stand-in saw and does; read and written inside update() and wait_until() only.
  struct View {
    std::vector<wire::AgentStateT> states;
    std::map<std::string, wire::ResultT> results;  ///< by lease
    unsigned hellos = 0;
    unsigned gets = 0;
    unsigned puts = 0;
    unsigned scene_requests = 0;
    bool enrolled = true;
    bool dispatcher_answers = true;
    unsigned failing_puts = 0;  ///< so many uploads are answered with 503
    unsigned denied_gets = 0;   ///< so many downloads are answered with 403
    bool lease_over = false;    ///< upload requests are denied
  };
  void update(const std::function<void(View&)>& change);
  /// Waits for a condition; false after a generous time.
  bool wait_until(const std::function<bool(const View&)>& condition);

  const blobs::Store& store() const { return store_; }

 private:
  http::HeadDecision on_head(const http::Request& head) override;
  http::Reply on_request(const http::Request& request) override;
  void serve(const std::stop_token& stop, nats::Subscription& subscription);
  void collect_results(const std::stop_token& stop);
  void handle(const nats::Message& message);
  Bytes answer(const std::string& verb, ByteView request);
  void take_result(const std::string& agent, ByteView data);

  TempFolder folder_;
  blobs::Store store_;
  std::unique_ptr<NatsServer> broker_;
  std::unique_ptr<nats::Connection> connection_;
  std::unique_ptr<nats::Connection> verifier_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<blobs::UrlSigner> signer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  View view_;                                    // by mutex_
  std::map<std::string, std::string> scene_of_;  // by mutex_: lease → sha256
  std::vector<std::jthread> threads_;
};

}  // namespace worldshare::testing
