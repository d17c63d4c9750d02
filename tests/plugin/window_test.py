"""In a real window: clicks through analyse, submit, progress and result, and takes pictures on the way.

What is clicked is found by the pixel, on the fixed layout of a factory start in a window of 1600 x 1000; the pictures go to
the folder that is named behind "--", and are for people to look at."""

import os
import socket
import sys
import time
import traceback

import addon_case
import bpy
from addon_case import session

PICTURES = (sys.argv[sys.argv.index("--") + 1:] or [addon_case.FOLDER])[0]
STEP_SECONDS = 0.05
BESIDE_SPLASH, TAB, ANALYSE = (300, 800), (1307, 259), (1190, 156)
ESTIMATE, SUBMIT = (1190, 183), (1190, 210)
REPORT, ROUTE, FRAME_2 = (1140, 425), (1140, 451), (1236, 752)
drawings = [0]  # of the sidebar


def window():
    return bpy.context.window_manager.windows[0]


def click(x, y):
    """From the window's top left corner."""
    yield from drawn()
    y = window().height - y
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    yield
    window().event_simulate(type="LEFTMOUSE", value="PRESS", x=x, y=y)
    yield
    window().event_simulate(type="LEFTMOUSE", value="RELEASE", x=x, y=y)
    yield


def drawn():
    """Until Blender has drawn the sidebar as it is now, twice: a panel that grew moves those below it in the second drawing."""
    area = next(area for area in window().screen.areas if area.type == "VIEW_3D")
    for _ in range(2):
        before = drawings[0]
        area.tag_redraw()
        yield from until(lambda: drawings[0] > before, "a drawing of the sidebar")


def shoot(name):
    """After Blender has drawn what changed."""
    yield from away()
    yield from drawn()
    with bpy.context.temp_override(window=window()):
        bpy.ops.screen.screenshot(filepath=os.path.join(PICTURES, name + ".png"), check_existing=False)
    yield


def until(condition, what, seconds=60):
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("%s did not come; %s %s" % (what, session().book.submissions, session().notices))
        yield


def prepare():
    addon_case.install()
    scene = addon_case.small_scene(frames=4, samples=16, reset=False)
    scene.render.resolution_x, scene.render.resolution_y = 320, 180
    scene.worldshare.probe = True
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(addon_case.FOLDER, "cube.blend"))
    view = next(area for area in window().screen.areas if area.type == "VIEW_3D")
    view.spaces.active.show_region_ui = True
    bpy.types.SpaceView3D.draw_handler_add(lambda: drawings.__setitem__(0, drawings[0] + 1), (), "UI", "POST_PIXEL")
    next(area for area in window().screen.areas if area.type == "PROPERTIES").type = "IMAGE_EDITOR"
    yield


def away():
    """The pointer leaves what was clicked, which Blender draws as it was until then."""
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=500, y=500)
    yield


def without_a_server():
    """What the artist sees while the server is away."""
    preferences = bpy.context.preferences.addons["worldshare"].preferences
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        preferences.server = "http://127.0.0.1:%d" % unused.getsockname()[1]
        yield from click(*SUBMIT)
        yield from until(lambda: session().book.submissions, "the submission")
        yield from until(lambda: "trying again" in session().book.submissions[0]["text"], "the pause")
        yield from shoot("4-no-server")
        bpy.ops.worldshare.cancel_submission(key=session().book.submissions[0]["key"])
        yield from until(lambda: not session().book.submissions, "the end of it")
        bpy.ops.worldshare.dismiss()
    preferences.server = addon_case.SERVER


def steps():
    yield from prepare()
    yield from click(*BESIDE_SPLASH)
    yield from click(*TAB)
    yield from shoot("1-start")
    yield from click(*ANALYSE)
    yield from until(lambda: session().analysis_of(bpy.context.scene), "the analysis")
    for panel, name in ((REPORT, "2-report"), (ROUTE, "3-route")):
        yield from click(*panel)
        yield from shoot(name)
        yield from click(*panel)
    yield from without_a_server()
    yield from click(*ESTIMATE)
    yield from until(lambda: session().estimating, "the probe")
    yield from until(lambda: session().estimates, "the estimate")
    yield from click(*SUBMIT)
    yield from until(lambda: session().book.jobs, "the job")
    job = session().book.jobs[0]
    yield from until(lambda: job["total"], "its progress")
    yield from shoot("5-in-work")
    yield from until(lambda: job["fetched"], "all frames", 120)
    yield from until(lambda: session().notices, "the notice")
    bpy.ops.worldshare.dismiss()
    yield from shoot("6-done")
    yield from click(*FRAME_2)
    space = next(area.spaces.active for area in window().screen.areas if area.type == "IMAGE_EDITOR")
    yield from until(lambda: space.image, "the picture in the image editor")
    assert space.image.filepath == job["files"]["2"], space.image.filepath
    yield from shoot("7-result")


class Driver:
    def __init__(self):
        self.steps = steps()

    def __call__(self):
        try:
            next(self.steps)
            return STEP_SECONDS
        except StopIteration:
            code = 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


bpy.app.timers.register(Driver(), first_interval=1.0, persistent=True)
