#include "shared/process_child.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace worldshare::child {
namespace {

constexpr int kReportDescriptor = 3;
constexpr int kExtraDescriptor = 4;

[[noreturn]] void give_up(const ChildPlan& plan, Step step) {
  const Failure failure{step, errno};
  // Nothing can be done when even this fails: the parent then sees exit code 127.
  [[maybe_unused]] const auto written = ::write(plan.failure.get(), &failure, sizeof failure);
  ::_exit(127);
}

void become_user(const ChildPlan& plan) {
  if (!plan.user) return;
  const User& user = *plan.user;
  if (::setgroups(user.groups.size(), user.groups.data()) != 0) give_up(plan, Step::kGroups);
  if (::setresgid(user.gid, user.gid, user.gid) != 0) give_up(plan, Step::kGroups);
  if (::setresuid(user.uid, user.uid, user.uid) != 0) give_up(plan, Step::kUser);
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_descriptors(const ChildPlan& plan) {
  // Descriptors that a library opened without close-on-exec end here. Kernels before 5.11 refuse;
  // then they leak.
  ::close_range(kReportDescriptor, ~0U, CLOSE_RANGE_CLOEXEC);
  const bool placed =
      ::dup2(plan.input.get(), 0) == 0 &&
      (plan.output.get() < 0 ||
       (::dup2(plan.output.get(), 1) == 1 && ::dup2(plan.output.get(), 2) == 2)) &&
      (plan.report.get() < 0 ||
       ::dup2(plan.report.get(), kReportDescriptor) == kReportDescriptor) &&
      (plan.extra.get() < 0 || ::dup2(plan.extra.get(), kExtraDescriptor) == kExtraDescriptor);
  if (!placed) give_up(plan, Step::kDescriptors);
}

}  // namespace

void run_child(const ChildPlan& plan) {
  ::setpgid(0, 0);
  reset_signals();
  if (plan.nice != 0) ::setpriority(PRIO_PROCESS, 0, plan.nice);
  become_user(plan);
  // After the change of user, which clears it; the parent may have ended before it was set.
  if (plan.death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, plan.death_signal);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  if (!plan.directory.empty() && ::chdir(plan.directory.c_str()) != 0) {
    give_up(plan, Step::kDirectory);
  }
  place_descriptors(plan);
  ::execvpe(plan.argv[0], plan.argv.data(), plan.environment.data());
  give_up(plan, Step::kExec);
}

}  // namespace worldshare::child
