#include "agents/sandbox/syscall_filter.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

namespace worldshare::agent {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

/// By name, because not every kernel that this compiles on knows all of them.
constexpr std::array kRefused{
    "socketpair",
    "connect",
    "accept",
    "accept4",
    "sendto",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "keyctl",
    "add_key",
    "request_key",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "personality",
    "open_by_handle_at",
    "name_to_handle_at",
    "acct",
    "swapon",
    "swapoff",
    "reboot",
    "quotactl",
    "syslog",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "iopl",
    "ioperm",
    "fanotify_init",
    "lookup_dcookie",
};

/// 0 when the rule stands; a negative errno as libseccomp returns it.
int refuse_by_name(scmp_filter_ctx filter, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return 0;
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
}

int refuse_sockets(scmp_filter_ctx filter, bool but_local_ones) {
  if (but_local_ones) {
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_NE, scmp_datum_t{AF_UNIX}));
  }
  for (const char* name : {"socket", "bind", "listen"}) {
    if (const int error = refuse_by_name(filter, name); error != 0) return error;
  }
  return 0;
}

int add_rules(scmp_filter_ctx filter, bool local_sockets) {
  if (const int error = refuse_sockets(filter, local_sockets); error != 0) return error;
  for (const char* name : kRefused) {
    if (const int error = refuse_by_name(filter, name); error != 0) return error;
  }
  // A thread is made with clone too; clone3 hides its flags behind a pointer, and libc does
  // without.
  if (const int error = seccomp_rule_add(
          filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
          SCMP_A0(SCMP_CMP_MASKED_EQ, scmp_datum_t{CLONE_NEWUSER}, scmp_datum_t{CLONE_NEWUSER}));
      error != 0) {
    return error;
  }
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

}  // namespace

Result<Descriptor> make_syscall_filter(bool local_sockets) {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  Descriptor file(::memfd_create("syscall-filter", MFD_CLOEXEC));
  if (!filter || file.get() < 0)
    return fail(Errc::kUnavailable, "cannot make a system call filter");
  if (add_rules(filter.get(), local_sockets) != 0 ||
      seccomp_export_bpf(filter.get(), file.get()) != 0) {
    return fail(Errc::kUnavailable, "cannot compile the system call filter");
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace worldshare::agent
