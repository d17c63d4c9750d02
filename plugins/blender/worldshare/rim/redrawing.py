"""Asks Blender to draw the panels again: where they are shown, when what they show has changed, once a second at most."""

import time

import bpy

from ..core import book

SECONDS = 1.0
ELAPSED_SECONDS = 10  # a job's age alone is worth a drawing so often

_shown = set()  # addresses of the regions that drew a panel since they were last asked to; compared, never followed


def note(region):
    """This region has just drawn a panel."""
    if region is not None:
        _shown.add(region.as_pointer())


def redraw():
    """A region that did not draw a panel the last time shows none: its tab or its sidebar is closed. Blender draws by itself
    when it is opened. Drawing the 3D view beside it may take longer than everything that the add-on does."""
    asked = set(_shown)
    _shown.clear()
    for window in bpy.context.window_manager.windows if asked else ():
        for area in window.screen.areas:
            for region in area.regions:
                if region.as_pointer() in asked:
                    region.tag_redraw()


class Painter:
    """Decides when to draw."""

    def __init__(self):
        self._changed, self._drawn, self._seen = False, 0.0, ""

    def turn(self, session, changed):
        """At every tick; `changed`: whether there was news, shown or not."""
        self._changed = self._changed or changed
        if not self._changed or time.monotonic() - self._drawn < SECONDS:
            return
        self._changed, seen = False, repr(list(shown(session)))
        if seen != self._seen:
            self._seen, self._drawn = seen, time.monotonic()
            redraw()


def shown(session):
    """What the panels show of that which changes by itself."""
    found = session.analysis
    yield found and (found.scene_name, found.running, found.error, found.stale)
    yield bool(session.estimating), [(name, known["seconds"]) for name, known in session.estimates.items()]
    yield session.notices, session.server_told
    for entry in session.book.submissions:
        yield entry["state"], entry["text"], entry["error"], int(entry["progress"] * 100)
    for job in session.book.jobs[:book.SHOWN_JOBS]:
        yield [job[name] for name in book.SHOWN], job["elapsed"] // ELAPSED_SECONDS, len(job["files"])
