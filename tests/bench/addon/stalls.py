"""How long Blender's main loop stands still because of the add-on, in a real window.

A timer that wants to run at every turn of the loop notes the gaps between its runs. A gap is the add-on's as far as its own
Python runs in it ("held": its timer, its panels, on the clock and in CPU time), and as far as drawing its panels costs
Blender more than drawing any: so a foreign panel of one label in the same tab, redrawn as often, is measured beside it."""

import array
import json
import os
import statistics
import struct
import sys
import time
import traceback

import addon_case
import bpy
from addon_case import session

OUT = sys.argv[sys.argv.index("--") + 1:][0]
UPLOAD_BYTES, SKIPPABLE = 500 << 20, 0x184D2A50
OBJECTS, GRID = 10_000, 1000
IDLE_SECONDS = 10
REDRAWS, REDRAW_SECONDS = 20, 1.0  # as often as the add-on asks for it at most
BESIDE_SPLASH, TAB = (300, 800), (1307, 259)  # as in tests/plugin/window_test.py


class Turns:
    """Of the main loop: how long each took, what of it the add-on held, whether Blender drew. Arrays, because Python's collector
    walks through lists: 60 ms for those of half a minute."""

    def __init__(self):
        self._last, self._held, self._drawn, self.sidebar = None, [0.0, 0.0], False, 0
        self.gaps, self.drawn, self.cpu, self.held, self.held_cpu = (array.array("d") for _ in range(5))

    def turn(self):
        now = time.perf_counter(), time.thread_time()
        if self._last is not None:
            self.gaps.append((now[0] - self._last[0]) * 1000)
            self.drawn.append(self._drawn)
            self.cpu.append((now[1] - self._last[1]) * 1000)
            self.held.append(self._held[0])
            self.held_cpu.append(self._held[1])
        self._last, self._held, self._drawn = now, [0.0, 0.0], False

    def drew(self, sidebar):
        self._drawn = True
        self.sidebar += sidebar

    def timed(self, function):
        def call(*arguments):
            begin = time.perf_counter(), time.thread_time()
            try:
                return function(*arguments)
            finally:
                self._held[0] += (time.perf_counter() - begin[0]) * 1000
                self._held[1] += (time.thread_time() - begin[1]) * 1000
        return call

    def take(self, name):
        """What was noted since the last time, into the figures."""
        if name:
            drawn = [gap for gap, drew in zip(self.gaps, self.drawn) if drew]
            others = [gap for gap, drew in zip(self.gaps, self.drawn) if not drew]
            figures[name] = {
                "turns": len(self.gaps), "longest_ms": longest(self.gaps), "over_50_ms": sum(gap > 50 for gap in self.gaps),
                "drawings": len(drawn), "of_the_sidebar": self.sidebar,
                "drawing_median_ms": round(statistics.median(drawn or [0]), 1), "drawing_longest_ms": longest(drawn),
                "without_drawing_longest_ms": longest(others), "without_drawing_over_50_ms": sum(gap > 50 for gap in others),
                "cpu_of_a_turn_longest_ms": longest(self.cpu),
                "held_longest_ms": longest(self.held), "held_over_50_ms": sum(held > 50 for held in self.held),
                "held_longest_cpu_ms": longest(self.held_cpu)}
        self.__init__()


def longest(times):
    return round(max(times, default=0.0), 1)


turns, figures = Turns(), {}


def timed_draw(draw):
    """Blender looks at how many arguments a draw() takes."""
    inner = turns.timed(draw)

    def draw_it(self, context):
        inner(self, context)

    return draw_it


def until(condition, seconds):
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("not within %d s: %s %s" % (seconds, session().book.submissions, session().notices))
        yield


def wait(seconds):
    ends = time.monotonic() + seconds
    yield from until(lambda: time.monotonic() > ends, seconds + 5)


def idle(name):
    yield from wait(2)
    turns.take("")
    yield from wait(IDLE_SECONDS)
    turns.take(name)


def open_sidebar():
    """With the add-on's tab, so that drawing it counts."""
    window = bpy.context.window_manager.windows[0]
    next(area for area in window.screen.areas if area.type == "VIEW_3D").spaces.active.show_region_ui = True
    for x, y in (BESIDE_SPLASH, TAB):
        for kind, value in (("MOUSEMOVE", "NOTHING"), ("LEFTMOUSE", "PRESS"), ("LEFTMOUSE", "RELEASE")):
            window.event_simulate(type=kind, value=value, x=x, y=window.height - y)
            yield from wait(0.3)


def count_drawings():
    for space, region in ((bpy.types.SpaceView3D, "UI"), (bpy.types.SpaceView3D, "WINDOW"), (bpy.types.SpaceProperties, "WINDOW"),
                          (bpy.types.SpaceOutliner, "WINDOW")):
        space.draw_handler_add(turns.drew, (region == "UI",), region, "POST_PIXEL")


def sidebar():
    screen = bpy.context.window_manager.windows[0].screen
    area = next(area for area in screen.areas if area.type == "VIEW_3D")
    return next(region for region in area.regions if region.type == "UI")


def redrawn(name):
    """Somebody asks for the sidebar again and again, while the add-on does nothing."""
    yield from wait(2)
    turns.take("")
    for _ in range(REDRAWS):
        sidebar().tag_redraw()
        yield from wait(REDRAW_SECONDS)
    turns.take(name)


class ForeignPanel(bpy.types.Panel):
    bl_idname, bl_label = "FOREIGN_PT_panel", "Foreign"
    bl_space_type, bl_region_type, bl_category = "VIEW_3D", "UI", "WorldShare"

    def draw(self, context):
        self.layout.label(text="Foreign")


def foreign_panel_redrawn(name):
    """In the place of the add-on's own, in the same tab."""
    from worldshare.rim import panels
    for cls in reversed(panels.CLASSES):
        bpy.utils.unregister_class(cls)
    bpy.utils.register_class(ForeignPanel)
    yield from redrawn(name)
    bpy.utils.unregister_class(ForeignPanel)
    for cls in panels.CLASSES:
        bpy.utils.register_class(cls)


def large_scene():
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=GRID, y_subdivisions=GRID, size=100)
    mesh = bpy.data.objects["Cube"].data
    for i in range(OBJECTS):
        thing = bpy.data.objects.new("thing", mesh)
        thing.location = (i % 100 - 50, i // 100 - 50, 1)
        bpy.context.scene.collection.objects.link(thing)
    for _ in range(40):
        yield


def time_the_addon():
    from worldshare.rim import panels
    from worldshare.rim import session as module
    bpy.app.timers.unregister(module.tick)
    module.tick = turns.timed(module.tick)
    bpy.app.timers.register(module.tick, persistent=True)
    for content in panels.CONTENTS:
        content.draw = timed_draw(content.draw)


def make_uploads_heavy():
    """What is uploaded becomes large between packing and hashing: random bytes in frames that readers of zstd skip."""
    from worldshare.core import submission
    pack = submission.Run._pack

    def pack_heavy(run):
        pack(run)
        with open(run._submission["packed"], "ab") as file:
            for _ in range(UPLOAD_BYTES >> 20):
                file.write(struct.pack("<II", SKIPPABLE, 1 << 20) + os.urandom(1 << 20))

    submission.Run._pack = pack_heavy


def upload(name):
    bpy.ops.worldshare.submit()
    entry = session().book.submissions[-1]
    yield from until(lambda: entry["stage"] not in ("", "packing"), 120)
    turns.take("")
    begin = time.monotonic()
    yield from until(lambda: entry["state"] in ("done", "failed"), 300)
    turns.take(name)
    assert entry["state"] == "done", entry["error"]
    figures[name].update(seconds=round(time.monotonic() - begin, 1))


def analysis(name):
    turns.take("")
    begin = time.monotonic()
    bpy.ops.worldshare.analyse()
    yield from until(lambda: not session().analysis.running, 60)
    wall, found = round((time.monotonic() - begin) * 1000), session().analysis
    turns.take(name)
    figures[name].update(wall_ms=wall, busy_ms=round(found.busy_seconds * 1000), longest_step_ms=round(found.longest_step * 1000, 1))
    figures["scene"] = {fact: found.facts[fact] for fact in ("instances", "triangles", "unique_triangles")}


def steps():
    addon_case.install()
    time_the_addon()
    make_uploads_heavy()
    count_drawings()
    addon_case.small_scene(frames=1, reset=False)
    yield from wait(IDLE_SECONDS)  # Blender's first drawings
    yield from idle("idle_sidebar_closed")
    yield from upload("upload_sidebar_closed")
    yield from open_sidebar()
    yield from idle("idle_tab_open")
    yield from foreign_panel_redrawn("foreign_panel_redrawn")
    yield from redrawn("own_panels_redrawn")
    yield from upload("upload_tab_open")
    yield from large_scene()
    yield from idle("idle_large_scene")
    for number in range(1, 6):
        yield from analysis("analysis_%d" % number)
        yield from wait(2)
    figures["analysis_ms_largest"] = max(figures["analysis_%d" % number]["busy_ms"] for number in range(1, 6))


class Driver:
    def __init__(self):
        self.steps = steps()

    def __call__(self):
        turns.turn()
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
