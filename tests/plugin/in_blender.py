#!/usr/bin/env python3
"""Runs a test inside a Blender of its own, with the add-on's zip installed in a fresh configuration.

usage: in_blender.py ZIP TEST.py [--farm BINARIES] [--window]

With --farm, the test finds WORLDSHARE_TEST_SERVER and WORLDSHARE_TEST_TOKEN in its environment. With --window Blender
opens a real window, on a display of its own (Xvfb).
"""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from farm import BLENDER, OTHER_RELEASE, Farm  # noqa: E402

WINDOW = (1600, 1000)


def blender_environment(folder, zip_file):
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORLDSHARE_")},
        "BLENDER_USER_CONFIG": str(folder / "config"), "BLENDER_USER_SCRIPTS": str(folder / "scripts"),
        # Blender takes Python's library from the first python3 on the path: let it be the system's.
        "PATH": os.pathsep.join(["/usr/bin", os.environ.get("PATH", "/bin")]),
        "XDG_STATE_HOME": str(folder), "HOME": str(folder), "TMPDIR": str(folder),
        "WORLDSHARE_TEST_FOLDER": str(folder), "WORLDSHARE_TEST_ZIP": str(zip_file),
        "PYTHONPATH": str(pathlib.Path(__file__).parent),
    }


@contextlib.contextmanager
def display():
    """Xvfb on a number that it chooses itself."""
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "%dx%dx24" % WINDOW, "-nolisten", "tcp"],
                              pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as numbers:
        number = numbers.readline().strip()
    try:
        yield ":" + number
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("zip", type=pathlib.Path)
    parser.add_argument("test", type=pathlib.Path)
    parser.add_argument("--farm", type=pathlib.Path)
    parser.add_argument("--window", action="store_true")
    parser.add_argument("--seconds", type=int, default=240)
    options, rest = parser.parse_known_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ws-addon-")))
        environment = blender_environment(folder, options.zip.resolve())
        if options.farm:
            farm = stack.enter_context(Farm(options.farm))
            environment.update(WORLDSHARE_TEST_SERVER=farm.url, WORLDSHARE_TEST_TOKEN=farm.token)
            if not OTHER_RELEASE:  # where the programs would not find their libraries
                environment["WORLDSHARE_TEST_BINARIES"] = str(options.farm.resolve())
        command = [BLENDER, "--factory-startup", "-noaudio", "--python-use-system-env", "--python-exit-code", "3"]
        if OTHER_RELEASE:
            command.append("--online-mode")  # which a factory start has off from 4.2 on, and 3.4 does not know
        if options.window:
            environment["DISPLAY"] = stack.enter_context(display())
            command += ["--enable-event-simulate", "--window-geometry", "0", "0", *map(str, WINDOW)]
        else:
            command += ["-b"]
        command += ["-P", str(options.test.resolve()), "--", *rest]
        sys.exit(subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=options.seconds).returncode)


main()
