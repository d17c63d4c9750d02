#pragma once

#include "shared/descriptor.h"
#include "shared/result.h"

namespace worldshare::agent {

/// A memory file with the BPF program that bubblewrap installs (`--seccomp FD`): what a renderer
/// never needs and an intruder wants is answered with EPERM (sockets, mounts, namespaces, tracing,
/// kernel modules, keys, io_uring), everything else is allowed. Foreign architectures kill the
/// process. With `local_sockets` a process may make Unix sockets, name them and listen on them, but
/// still connect to none, and make no other kind.
Result<Descriptor> make_syscall_filter(bool local_sockets = false);

}  // namespace worldshare::agent
