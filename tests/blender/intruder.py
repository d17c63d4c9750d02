"""What somebody tries who runs code inside a render: intruder.py REPORT SECRET OUTSIDE PORT MEMORY. Writes what succeeded, as JSON."""

import ctypes
import json
import os
import socket
import sys

report_file, secret, outside, port, memory = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
NEW_USER_NAMESPACE = 0x10000000
TRACE_ATTACH = 16


def call(number):
    if number != 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


def read_secret():
    with open(secret, encoding="utf-8") as file:
        return file.read()


def read_environment():
    return [name for name in os.environ if name.startswith("SECRET")][0]


def write(path):
    with open(path, "wb") as file:
        file.write(b"intruder")
    return True


def connect():
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
        return True


def other_processes():
    """Of anybody but this script and what starts it in the room."""
    names = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with open("/proc/%s/comm" % entry, encoding="utf-8") as file:
                names.append(file.read().strip())
    strangers = set(names) - {"bwrap", "python3"}
    if not strangers:
        raise OSError("nobody else is here")
    return sorted(strangers)


def allocate():
    return len(bytearray(int(memory)))


def large_file():
    with open(os.path.join(os.path.dirname(report_file), "large"), "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
            file.flush()
    return True


def forks():
    """Children that wait; how many there can be before the 3,000th is refused."""
    read_end, write_end = os.pipe()
    children = 0
    try:
        while children < 3000:
            if os.fork() == 0:
                os.close(write_end)
                os.read(read_end, 1)
                os._exit(0)
            children += 1
    except OSError:
        pass
    os.close(write_end)
    for _ in range(children):
        os.wait()
    if children < 3000:
        raise OSError("after %d" % children)
    return children


ATTEMPTS = {
    "read_secret": read_secret,
    "read_passwd": lambda: open("/etc/passwd", encoding="utf-8").read()[:20],
    "read_environment": read_environment,
    "write_outside": lambda: write(outside),
    "write_usr": lambda: write("/usr/lib/intruder"),
    "write_scripts": lambda: write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "driver.py")),
    "write_root": lambda: write("/intruder"),
    "connect": connect,
    "socket": lambda: socket.socket(socket.AF_UNIX).fileno(),
    "other_processes": other_processes,
    "become_root": lambda: os.setuid(0) or os.getuid() == 0 and open("/proc/1/environ", "rb").read(1) and True,
    "user_namespace": lambda: call(libc.unshare(NEW_USER_NAMESPACE)),
    "trace": lambda: call(libc.ptrace(TRACE_ATTACH, os.getppid(), 0, 0)),
    "mount": lambda: call(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
    "allocate": allocate,
    "large_file": large_file,
    "forks": forks,
}

found = {}
signal = __import__("signal")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for name, attempt in ATTEMPTS.items():
    if name in ("forks", "user_namespace", "mount", "become_root", "trace") and os.environ.get("HARMLESS"):
        continue
    try:
        found[name] = attempt()
    except (OSError, MemoryError, IndexError):
        pass
os.symlink(secret, os.path.join(os.path.dirname(report_file), "frame.png"))
with open(report_file, "w", encoding="utf-8") as file:
    json.dump(found, file)
