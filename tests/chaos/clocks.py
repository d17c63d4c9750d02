"""A clock of its own for a process, which is set while the process runs (libfaketime). What counts time, and does not read it off, does
not notice. Programs written in Go ask the kernel by themselves: the broker's clock stays right."""

import os
import pathlib

LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def can_be_set():
    return LIBRARY.exists()


class Clocks:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def wrap(self, name):
        """What starts a program so that it looks at this clock."""
        self.set(name, 0)
        return ["env", "ASAN_OPTIONS=verify_asan_link_order=0", f"LD_PRELOAD={LIBRARY}", f"FAKETIME_TIMESTAMP_FILE={self.folder / name}",
                "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]

    def has(self, name):
        return (self.folder / name).exists()

    def set(self, name, seconds):
        """So much before (+) or behind (-) the right time; the program notices within a second."""
        new = self.folder / f"{name}.new"
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self.folder / name)

    def close(self):
        """What processes that were killed left in shared memory."""
        for file in pathlib.Path("/dev/shm").glob("*faketime_s*_*"):
            if not pathlib.Path("/proc", file.name.rpartition("_")[2]).exists():
                file.unlink(missing_ok=True)
