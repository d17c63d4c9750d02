"""What every test inside Blender begins with: the add-on installed from its zip, and its session driven by hand, because
timers do not run in the background."""

import os
import sys
import time
import unittest

import bpy

FOLDER = os.environ["WORLDSHARE_TEST_FOLDER"]
SERVER = os.environ.get("WORLDSHARE_TEST_SERVER", "")
TOKEN = os.environ.get("WORLDSHARE_TEST_TOKEN", "")


def install():
    bpy.ops.preferences.addon_install(filepath=os.environ["WORLDSHARE_TEST_ZIP"], overwrite=True)
    enable()


def enable():
    assert bpy.ops.preferences.addon_enable(module="worldshare") == {"FINISHED"}
    preferences = bpy.context.preferences.addons["worldshare"].preferences
    preferences.server, preferences.token = SERVER, TOKEN
    preferences.folder = os.path.join(FOLDER, "results")


def disable():
    bpy.ops.preferences.addon_disable(module="worldshare")


def session():
    from worldshare.rim import session as module
    return module.get()


def analyse():
    bpy.ops.worldshare.analyse()
    found = session().analysis
    assert not found.error, found.error
    return found


def until(condition, what, seconds=60):
    """Ticks the session until condition() is true."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("%s did not come within %d s; submissions: %s; jobs: %s; notices: %s" % (
                what, seconds, session().book.submissions, session().book.jobs, session().notices))
        session().tick()
        time.sleep(0.02)


def small_scene(frames=2, samples=4, reset=True):
    """A cube, 64x36, that renders in a moment."""
    if reset:
        bpy.ops.wm.read_homefile(use_factory_startup=True, app_template="")
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    scene.frame_start, scene.frame_end = 1, frames
    scene.worldshare.probe = False
    return scene


def run():
    """Ends Blender with the tests' outcome."""
    outcome = unittest.main(module="__main__", argv=["test"], exit=False, verbosity=2).result
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if outcome.wasSuccessful() and outcome.testsRun else 1)
