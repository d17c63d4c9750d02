"""An estimate on its own: a probe of a saved copy, in a worker thread."""

import shutil
import threading

from . import child, estimate, submission
from .client import Cancelled


class Run(threading.Thread):
    """`work`: pixels, samples. The copy's folder goes at the end."""

    def __init__(self, scene, blend, folder, frames, work, tools, correction, emit):
        super().__init__(name="worldshare-estimate", daemon=True)
        self._scene, self._blend, self._folder, self._frames = scene, blend, folder, frames
        self._work, self._tools, self._correction, self._emit = work, tools, correction, emit
        self._halt = threading.Event()

    def cancel(self):
        self._halt.set()

    def run(self):
        found, error = None, ""
        try:
            probed = submission.run_probe(self._tools, self._blend, self._folder, self._frames, self._halt.is_set)
            found = estimate.estimate(probed, *self._work, self._tools["threads"], self._correction)
        except Cancelled:
            error = "cancelled"
        except (child.ChildError, OSError) as reason:
            error = str(reason)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._emit({"kind": "estimate", "scene": self._scene, "estimate": found, "error": error})
