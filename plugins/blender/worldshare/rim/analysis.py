"""An analysis that goes on between Blender's frames, and what it found."""

import gc
import time

import bpy

from ..core import routing
from . import fixes, scene_reader

STEP_BUDGET = 0.005  # seconds after which no further step begins; one takes 5 ms at most


def uncollected(steps):
    """The same steps, with Python's collector off from the first to the last: what is read goes by reference counts, and
    looking through ten thousand shapes for cycles takes 40 ms. Whoever drops this generator switches it on again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield from steps
    finally:
        if enabled:
            gc.enable()


class Analysis:
    """Reads one scene by small steps; afterwards `facts`, `problems`, `decision` (the class) are there."""

    def __init__(self, scene_name, rules):
        self.scene_name, self._rules = scene_name, rules
        self.facts, self.problems, self.decision = None, [], None
        self.error, self.stale = "", False
        self.busy_seconds, self.longest_step = 0.0, 0.0
        self._found = {}
        self._steps = uncollected(scene_reader.read(scene_name, self._found))

    @property
    def running(self):
        return self._steps is not None

    def step(self, budget=STEP_BUDGET):
        """Works for about so many seconds; True when it is over."""
        ends = time.perf_counter() + budget
        while self._steps is not None:
            begin = time.perf_counter()
            self._advance()
            spent = time.perf_counter() - begin
            self.busy_seconds += spent
            self.longest_step = max(self.longest_step, spent)
            if begin + spent >= ends:
                break
        return self._steps is None

    def stop(self, reason):
        """What it would look at is gone."""
        if self._steps is not None:
            self._steps.close()
            self._steps, self.error = None, reason

    def _advance(self):
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            self._conclude()
        except (KeyError, ReferenceError, RuntimeError, AttributeError, IndexError) as error:
            self._steps = None
            self.error = "the scene changed while it was read; analyse again (%s)" % error

    def _conclude(self):
        scene = bpy.data.scenes[self.scene_name]
        self.facts, self.decision = routing.classify(self._rules, self._found["facts"])
        problems = self._found["problems"] + fixes.notes(scene)
        self.problems = sorted(problems, key=lambda entry: not entry["fatal"])

    def fatal(self):
        return [entry for entry in self.problems if entry["fatal"]]

    def facts_with(self, own, frames, seconds):
        """The facts as the artist overrides them, for the routing."""
        facts = {**self.facts, "frames": (frames["last"] - frames["first"]) // frames["step"] + 1}
        facts["seconds_per_frame"] = seconds
        if own.own_class:
            facts["class"] = own.scene_class
        return facts
