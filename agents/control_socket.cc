#include "agents/control_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace worldshare::agent {
namespace {

constexpr std::size_t kLongestLine = 1'000;
constexpr std::size_t kLongestAnswer = 1U << 20;
constexpr int kClientMs = 2'000;
constexpr int kAnswerMs = 15'000;

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof out.sun_path) {
    return fail(Errc::kInvalid, "the path of the socket " + text + " has more than " +
                                    std::to_string(sizeof out.sun_path - 1) +
                                    " bytes; choose a shorter agent.state_folder");
  }
  std::memcpy(out.sun_path, text.c_str(), text.size() + 1);
  return out;
}

const sockaddr* plain(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<Descriptor> connect_to(const std::filesystem::path& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), plain(*address), sizeof *address) == 0) return socket;
  if (errno == EACCES)
    return fail(Errc::kDenied, path.string() + " belongs to another user; try with sudo");
  return fail(Errc::kUnavailable, "no agent is running here (" + path.string() + ")");
}

bool readable(int fd, int ms) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, ms) == 1;
}

/// Up to the end of a line or of the stream.
std::string read_line(int fd, std::size_t limit, int ms) {
  std::string out;
  char piece[4096];
  while (out.size() < limit && !out.ends_with('\n') && readable(fd, ms)) {
    const auto count = ::recv(fd, piece, sizeof piece, 0);
    if (count <= 0) break;
    out.append(piece, static_cast<std::size_t>(count));
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

void write_line(int fd, std::string text) {
  text += '\n';
  for (std::size_t sent = 0; sent < text.size();) {
    const auto count = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(const std::filesystem::path& path,
                                                           Answer answer) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  if (connect_to(path))
    return fail(Errc::kConflict, "another agent is running in " + path.parent_path().string());
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Nobody can connect before it listens.
  if (::bind(socket.get(), plain(*address), sizeof *address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), 8) != 0) {
    return fail(Errc::kUnavailable,
                "cannot make the socket " + path.string() + ": " + std::strerror(errno));
  }
  return std::unique_ptr<ControlSocket>(
      new ControlSocket(path, std::move(socket), std::move(answer)));
}

ControlSocket::ControlSocket(std::filesystem::path path, Descriptor socket, Answer answer)
    : path_(std::move(path)),
      socket_(std::move(socket)),
      answer_(std::move(answer)),
      thread_([this](const std::stop_token& stop) { serve(stop); }) {}

ControlSocket::~ControlSocket() {
  thread_ = {};
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void ControlSocket::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!readable(socket_.get(), 100)) continue;
    const Descriptor client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() >= 0) serve_one(client.get());
  }
}

void ControlSocket::serve_one(int client) {
  const timeval limit{kClientMs / 1000, 0};
  ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const std::string line = read_line(client, kLongestLine, kClientMs);
  if (!line.empty()) write_line(client, answer_(line));
}

Result<std::string> ask_agent(const std::filesystem::path& path, const std::string& line) {
  auto socket = connect_to(path);
  if (!socket) return std::unexpected(socket.error());
  write_line(socket->get(), line);
  const std::string answer = read_line(socket->get(), kLongestAnswer, kAnswerMs);
  if (answer.empty()) return fail(Errc::kUnavailable, "the agent does not answer");
  return answer;
}

}  // namespace worldshare::agent
