"""A whole farm of our own binaries on free ports, for tests and benchmarks of the add-on: starts it, waits until it answers, stops it."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

START_SECONDS = 120
# Set by tests/compat: a program that runs another release's Blender, and the root folder where it lives.
BLENDER = os.environ.get("WORLDSHARE_TEST_BLENDER", "blender")
OTHER_RELEASE = (["--blender", BLENDER, "--agent-root", os.environ["WORLDSHARE_TEST_ROOT"]]
                 if "WORLDSHARE_TEST_ROOT" in os.environ else [])
WARM_UP = """
import bpy
scene = bpy.context.scene
scene.render.engine = "BLENDER_WORKBENCH"
scene.render.resolution_x = scene.render.resolution_y = 16
scene.render.resolution_percentage = 100
bpy.ops.wm.save_as_mainfile(filepath=%r)
"""


class Farm:
    """`worldshare render --keep` of one tiny frame, which leaves the farm running: its own state folder, free ports."""

    def __init__(self, binaries, agents=2):
        self._binaries, self._agents = pathlib.Path(binaries).resolve(), agents
        self.url = self.token = ""

    def __enter__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-farm-"))
        os.chmod(self._folder, 0o755)
        scene = self._folder / "warm.blend"
        subprocess.run([BLENDER, "-b", "--factory-startup", "--python-expr", WARM_UP % str(scene)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        self._log = open(self._folder / "output.txt", "wb")
        self._process = subprocess.Popen(
            [str(self._binaries / "worldshare"), "render", str(scene), "--frames", "1", "--agents", str(self._agents),
             "--keep", "--state", str(self._folder / "state"), "-o", str(self._folder / "frames"), *OTHER_RELEASE],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self):
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            found = re.search(r"Kept running at (\S+)", self.output())
            if found:
                self.url = found.group(1)
                self.token = (self._folder / "state/keys/api-token").read_text().strip()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError("the farm does not start:\n" + self.output())

    def output(self):
        return (self._folder / "output.txt").read_text(errors="replace")

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)
