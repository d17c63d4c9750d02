"""A background Blender, watched from a worker thread."""

import json
import os
import subprocess
import sys
import time

from .client import Cancelled

POLL_SECONDS = 0.1


class ChildError(Exception):
    """The message ends with what the program said last."""


def tail(path, most=600):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
    except OSError:
        return ""
    return " / ".join(lines[-6:])[-most:]


def blender_command(program, blend, script, *arguments):
    """Never with the file's own scripts, never with the artist's start-up: as a render node opens it."""
    return [program, "-b", "--factory-startup", "-noaudio", "-Y", blend, "--python-exit-code", "3", "-P", script,
            "--", *arguments]


def run(command, log, cancelled, seconds):
    """Waits for the program; ends it when cancelled() says so or its time is over."""
    flags = {"creationflags": 0x08000000} if sys.platform == "win32" else {}  # CREATE_NO_WINDOW
    with open(log, "wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **flags)
        try:
            ends = time.monotonic() + seconds
            while child.poll() is None:
                if cancelled():
                    raise Cancelled()
                if time.monotonic() > ends:
                    raise ChildError("Blender was still busy after %d s: %s" % (seconds, tail(log)))
                try:
                    child.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode != 0:
        raise ChildError("Blender in the background ended with %d: %s" % (child.returncode, tail(log)))


def run_for_json(command, answer, log, cancelled, seconds):
    """The JSON that the script wrote into the file `answer`."""
    if os.path.exists(answer):
        os.remove(answer)
    run(command, log, cancelled, seconds)
    try:
        with open(answer, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise ChildError("Blender in the background gave no answer: %s" % tail(log)) from error
