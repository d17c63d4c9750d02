#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "shared/descriptor.h"
#include "shared/result.h"

namespace worldshare::agent {

/// A unix socket by which programs of the same user (or root) talk to the running agent: one line
/// comes, one answer goes, the connection ends.
class ControlSocket {
 public:
  using Answer = std::function<std::string(const std::string& line)>;

  /// Serves at once, on a thread of its own that calls `answer`. A socket that a dead agent left is
  /// replaced; kConflict when one is alive; kInvalid when the path is longer than sockets allow.
  static Result<std::unique_ptr<ControlSocket>> open(const std::filesystem::path& path,
                                                     Answer answer);
  /// Removes the socket.
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  ControlSocket(std::filesystem::path path, Descriptor socket, Answer answer);
  void serve(const std::stop_token& stop);
  void serve_one(int client);

  const std::filesystem::path path_;
  Descriptor socket_;
  const Answer answer_;
  std::jthread thread_;  // last: ends before what it uses
};

/// One question to the agent at `path`. kUnavailable: none is running there.
Result<std::string> ask_agent(const std::filesystem::path& path, const std::string& line);

}  // namespace worldshare::agent
