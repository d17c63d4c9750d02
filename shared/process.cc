#include "shared/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shared/process_child.h"

namespace worldshare {
namespace {

using child::ChildPlan;
using child::Failure;
using child::Pipe;
using child::Step;
using child::User;

/// The child's ends of pipes live above this, so that none is overwritten while 0 to 4 are set up.
constexpr int kFirstSafeDescriptor = 10;

Error system_error(const std::string& what, int error) {
  return {Errc::kInternal, what + ": " + std::strerror(error)};
}

Result<Descriptor> move_up(Descriptor fd) {
  Descriptor moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstSafeDescriptor));
  if (moved.get() < 0) return std::unexpected(system_error("cannot duplicate a descriptor", errno));
  return moved;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(system_error("cannot make a pipe", errno));
  }
  Descriptor read(ends[0]), write(ends[1]);
  auto high_read = move_up(std::move(read));
  auto high_write = move_up(std::move(write));
  if (!high_read) return std::unexpected(high_read.error());
  if (!high_write) return std::unexpected(high_write.error());
  return Pipe{std::move(*high_read), std::move(*high_write)};
}

Result<Descriptor> open_file(const char* path, int flags) {
  Descriptor fd(::open(path, flags | O_CLOEXEC, 0644));
  if (fd.get() < 0) {
    return fail(Errc::kInvalid, std::string("cannot open ") + path + ": " + std::strerror(errno));
  }
  return move_up(std::move(fd));
}

Result<User> find_user(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(Errc::kInvalid, "no user has id " + std::to_string(uid));
  User user{uid, entry.pw_gid, std::vector<gid_t>(64)};
  int count = static_cast<int>(user.groups.size());
  if (::getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) < 0) {
    return fail(Errc::kInvalid, std::string(entry.pw_name) + " is in too many groups");
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

std::vector<std::string> make_environment(const ProcessOptions& options) {
  std::map<std::string, std::string> merged;
  for (char** entry = environ; !options.clear_environment && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto split = text.find('=');
    if (split != std::string::npos) merged[text.substr(0, split)] = text.substr(split + 1);
  }
  for (const auto& [key, value] : options.environment) merged[key] = value;
  std::vector<std::string> environment;
  for (const auto& [key, value] : merged) environment.push_back(key + "=" + value);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Error explain(const Failure& failure, const ProcessOptions& options) {
  const std::string reason = std::strerror(failure.error);
  switch (failure.step) {
    case Step::kGroups:
    case Step::kUser: return {Errc::kDenied, "cannot run as another user: " + reason};
    case Step::kDirectory:
      return {Errc::kInvalid, "cannot enter " + options.working_directory.string() + ": " + reason};
    case Step::kDescriptors: return {Errc::kInternal, "cannot set up descriptors: " + reason};
    case Step::kExec: break;
  }
  return {Errc::kNotFound, "cannot execute " + options.argv[0] + ": " + reason};
}

/// The parent's ends of the pipes.
struct ParentEnds {
  Descriptor input, output, report, failure;
};

Result<> open_output(const ProcessOptions& options, ChildPlan& plan, ParentEnds& ends) {
  if (options.pipe_output) {
    auto pipe = make_pipe();
    if (!pipe) return std::unexpected(pipe.error());
    ends.output = std::move(pipe->read);
    plan.output = std::move(pipe->write);
  } else if (!options.output_file.empty()) {
    auto file = open_file(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND);
    if (!file) return std::unexpected(file.error());
    plan.output = std::move(*file);
  }
  return {};
}

Result<> open_input(const ProcessOptions& options, ChildPlan& plan, ParentEnds& ends) {
  if (!options.pipe_input) {
    auto null = open_file("/dev/null", O_RDONLY);
    if (!null) return std::unexpected(null.error());
    plan.input = std::move(*null);
    return {};
  }
  auto pipe = make_pipe();
  if (!pipe) return std::unexpected(pipe.error());
  plan.input = std::move(pipe->read);
  ends.input = std::move(pipe->write);
  return {};
}

Result<> open_descriptors(const ProcessOptions& options, ChildPlan& plan, ParentEnds& ends) {
  if (auto opened = open_input(options, plan, ends); !opened) return opened;
  if (auto opened = open_output(options, plan, ends); !opened) return opened;
  if (options.pipe_report) {
    auto pipe = make_pipe();
    if (!pipe) return std::unexpected(pipe.error());
    ends.report = std::move(pipe->read);
    plan.report = std::move(pipe->write);
  }
  if (options.extra_fd >= 0) {
    auto extra = move_up(Descriptor(::fcntl(options.extra_fd, F_DUPFD_CLOEXEC, 0)));
    if (!extra) return std::unexpected(extra.error());
    plan.extra = std::move(*extra);
  }
  auto failure = make_pipe();
  if (!failure) return std::unexpected(failure.error());
  ends.failure = std::move(failure->read);
  plan.failure = std::move(failure->write);
  return {};
}

Result<ChildPlan> make_plan(const ProcessOptions& options) {
  if (options.argv.empty()) return fail(Errc::kInvalid, "no program given");
  ChildPlan plan;
  plan.argv_texts = options.argv;
  plan.environment_texts = make_environment(options);
  plan.directory = options.working_directory.string();
  plan.nice = options.nice;
  plan.death_signal = options.death_signal;
  plan.parent = ::getpid();
  if (options.uid) {
    auto user = find_user(*options.uid);
    if (!user) return std::unexpected(user.error());
    plan.user = std::move(*user);
  }
  plan.argv = pointers(plan.argv_texts);
  plan.environment = pointers(plan.environment_texts);
  return plan;
}

/// With all signals blocked, so that no handler of the parent runs in the child.
pid_t fork_child(const ChildPlan& plan) {
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) child::run_child(plan);
  const int error = errno;
  if (pid > 0) ::setpgid(pid, pid);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

std::optional<Failure> read_failure(int fd) {
  Failure failure{};
  ssize_t count = 0;
  do {
    count = ::read(fd, &failure, sizeof failure);
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(sizeof failure)) return std::nullopt;
  return failure;
}

}  // namespace

Result<Process> Process::spawn(const ProcessOptions& options) {
  auto plan = make_plan(options);
  if (!plan) return std::unexpected(plan.error());
  ParentEnds ends;
  if (auto opened = open_descriptors(options, *plan, ends); !opened) {
    return std::unexpected(opened.error());
  }
  const pid_t pid = fork_child(*plan);
  if (pid < 0) return fail(Errc::kUnavailable, std::string("cannot fork: ") + std::strerror(errno));
  plan->input.reset();
  plan->output.reset();
  plan->report.reset();
  plan->extra.reset();
  plan->failure.reset();
  if (auto failure = read_failure(ends.failure.get())) {
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(explain(*failure, options));
  }
  Process process;
  process.pid_ = pid;
  process.stdin_fd_ = ends.input.release();
  process.output_fd_ = ends.output.release();
  process.report_fd_ = ends.report.release();
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      stdin_fd_(std::exchange(other.stdin_fd_, -1)),
      output_fd_(std::exchange(other.output_fd_, -1)),
      report_fd_(std::exchange(other.report_fd_, -1)),
      status_(other.status_),
      reaped_(other.reaped_.load()) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  this->~Process();
  return *new (this) Process(std::move(other));
}

Process::~Process() {
  if (pid_ > 0 && !reaped_) {
    kill(SIGKILL);
    reap();
  }
  close_descriptors();
}

void Process::close_descriptors() {
  close_stdin();
  if (output_fd_ >= 0) ::close(std::exchange(output_fd_, -1));
  if (report_fd_ >= 0) ::close(std::exchange(report_fd_, -1));
}

void Process::close_stdin() {
  if (stdin_fd_ >= 0) ::close(std::exchange(stdin_fd_, -1));
}

bool Process::ended_within(std::chrono::milliseconds time) const {
  const Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd watched{handle.get(), POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const int ready = ::poll(&watched, 1, std::max(0, static_cast<int>(left.count())));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void Process::reap() {
  // While the child is a zombie its number cannot be given to another group.
  reaped_ = true;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
}

std::optional<int> Process::poll() { return wait(std::chrono::milliseconds(0)); }

std::optional<int> Process::wait(std::chrono::milliseconds time) {
  if (pid_ > 0 && !reaped_ && ended_within(time)) reap();
  return status_;
}

void Process::kill(int signal) const {
  if (pid_ > 0 && !reaped_) ::kill(-pid_, signal);
}

void Process::stop(int signal, std::chrono::milliseconds grace) {
  if (pid_ <= 0 || reaped_) return;
  kill(signal);
  ended_within(grace);
  reap();
}

std::string describe_wait_status(int status) {
  const auto signal_text = [](int signal) {
    const char* name = ::strsignal(signal);
    return "signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "unknown") + ")";
  };
  if (!WIFEXITED(status)) return signal_text(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  const std::string text = "exit code " + std::to_string(code);
  // How shells and bubblewrap say that what they ran was killed.
  return code > 128 && code <= 128 + SIGRTMAX ? text + ", " + signal_text(code - 128) : text;
}

}  // namespace worldshare
