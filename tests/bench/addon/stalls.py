"""How long Blender's main loop stands still because of the add-on, in a real window.

A timer that wants to run at every turn of the loop notes the gaps between its runs; Blender's own share is what the gaps
are while the add-on does nothing. The time inside the add-on's own timer is noted beside them."""

import json
import os
import statistics
import sys
import time
import traceback

import addon_case
import bpy
from addon_case import session

OUT = sys.argv[sys.argv.index("--") + 1:][0]
UPLOAD_BYTES = 500 << 20
OBJECTS, GRID = 10_000, 1000
IDLE_SECONDS = 10
BESIDE_SPLASH, TAB = (300, 800), (1307, 259)  # as in tests/plugin/window_test.py


class Gaps:
    """Between the turns of the main loop."""

    def __init__(self):
        self.found, self._last = [], None

    def turn(self):
        now = time.perf_counter()
        if self._last is not None:
            self.found.append((now - self._last) * 1000)
        self._last = now

    def take(self):
        found, self.found, self._last = self.found, [], None
        ordered = sorted(found) or [0.0]
        return {"turns": len(found), "median_ms": round(statistics.median(ordered), 2),
                "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2), "longest_ms": round(ordered[-1], 2),
                "over_50_ms": sum(gap > 50 for gap in found)}


gaps, own, drawn, figures = Gaps(), [], [], {}


def timed(function, into):
    def call(*arguments):
        begin = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            into.append((time.perf_counter() - begin) * 1000)
    return call


def timed_draw(draw):
    """Blender looks at how many arguments a draw() takes."""
    inner = timed(draw, drawn)

    def draw_it(self, context):
        inner(self, context)

    return draw_it


def take(name):
    figures[name] = {**gaps.take(), "own_ticks": len(own), "own_longest_tick_ms": round(max(own, default=0.0), 2),
                     "panels_drawn": len(drawn), "longest_panel_ms": round(max(drawn, default=0.0), 2)}
    clear()


def clear():
    gaps.take()
    own.clear()
    drawn.clear()


def until(condition, seconds):
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("not within %d s: %s %s" % (seconds, session().book.submissions, session().notices))
        yield


def idle():
    ends = time.monotonic() + IDLE_SECONDS
    yield from until(lambda: time.monotonic() > ends, IDLE_SECONDS + 5)


def open_sidebar():
    """With the add-on's tab, so that drawing it counts."""
    window = bpy.context.window_manager.windows[0]
    next(area for area in window.screen.areas if area.type == "VIEW_3D").spaces.active.show_region_ui = True
    for x, y in (BESIDE_SPLASH, TAB):
        for kind, value in (("MOUSEMOVE", "NOTHING"), ("LEFTMOUSE", "PRESS"), ("LEFTMOUSE", "RELEASE")):
            window.event_simulate(type=kind, value=value, x=x, y=window.height - y)
            pause = time.monotonic() + 0.3
            yield from until(lambda: time.monotonic() > pause, 5)
    from worldshare.rim import panels
    for content in panels.CONTENTS:
        content.draw = timed_draw(content.draw)


def large_scene():
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=GRID, y_subdivisions=GRID, size=100)
    mesh = bpy.data.objects["Cube"].data
    for i in range(OBJECTS):
        thing = bpy.data.objects.new("thing", mesh)
        thing.location = (i % 100 - 50, i // 100 - 50, 1)
        bpy.context.scene.collection.objects.link(thing)
    for _ in range(40):
        yield


def redrawn():
    """What drawing the sidebar again costs Blender on this machine, twice a second, while the add-on does nothing."""
    from worldshare.rim import redrawing
    for _ in range(2 * IDLE_SECONDS):
        pause = time.monotonic() + 0.5
        yield from until(lambda: time.monotonic() > pause, 5)
        redrawing.redraw()


def steps():
    addon_case.install()
    from worldshare.core import submission
    from worldshare.rim import session as module
    bpy.app.timers.unregister(module.tick)
    module.tick = timed(module.tick, own)
    bpy.app.timers.register(module.tick, persistent=True)
    addon_case.small_scene(frames=1, reset=False)
    yield from open_sidebar()
    yield from idle()
    clear()
    yield from idle()
    take("idle_small_scene")
    yield from redrawn()
    take("sidebar_drawn_only")
    # What is uploaded becomes large between packing and hashing.
    pack = submission.Run._pack

    def pack_heavy(run):
        pack(run)
        with open(run._submission["packed"], "ab") as file:
            block = os.urandom(1 << 20)
            for _ in range(UPLOAD_BYTES >> 20):
                file.write(block)

    submission.Run._pack = pack_heavy
    bpy.ops.worldshare.submit()
    entry = session().book.submissions[0]
    yield from until(lambda: entry["stage"] not in ("", "packing"), 120)
    clear()
    begin = time.monotonic()
    yield from until(lambda: entry["state"] in ("done", "failed"), 300)
    take("uploading_500_mb")
    figures["uploading_500_mb"]["outcome"] = entry["error"] or entry["state"]
    figures["hash_and_upload_seconds"] = round(time.monotonic() - begin, 1)
    yield from large_scene()
    yield from idle()
    clear()
    yield from idle()
    take("idle_large_scene")
    clear()
    begin = time.monotonic()
    bpy.ops.worldshare.analyse()
    yield from until(lambda: not session().analysis.running, 60)
    figures["analysis_wall_ms"] = round((time.monotonic() - begin) * 1000)
    take("analysing_large_scene")
    found = session().analysis
    figures["analysis_ms_largest"] = round(found.busy_seconds * 1000)
    figures["analysis_longest_step_ms"] = round(found.longest_step * 1000, 1)
    figures["scene"] = {name: found.facts[name] for name in ("instances", "triangles", "unique_triangles")}


class Driver:
    def __init__(self):
        self.steps = steps()

    def __call__(self):
        gaps.turn()
        try:
            next(self.steps)
            return 0.0
        except StopIteration:
            code = 0
            with open(OUT, "w", encoding="utf-8") as file:
                json.dump(figures, file, indent=1)
            print(json.dumps(figures, indent=1))
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        os._exit(code)


bpy.app.timers.register(Driver(), first_interval=1.0, persistent=True)
