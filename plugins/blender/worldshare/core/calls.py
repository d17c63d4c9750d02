"""Single calls to the server (pause, cancel, priority, the connection's test) in one worker thread, in their order."""

import queue
import threading

from .client import ApiError


class Calls(threading.Thread):
    def __init__(self, emit):
        super().__init__(name="worldshare-calls", daemon=True)
        self._emit, self._orders = emit, queue.SimpleQueue()

    def ask(self, what, call):
        """call() in the thread; then {"kind": "answer", "what", "value" or "error"} is emitted."""
        self._orders.put((what, call))

    def close(self):
        self._orders.put(None)

    def run(self):
        while (order := self._orders.get()) is not None:
            what, call = order
            try:
                self._emit({"kind": "answer", "what": what, "value": call(), "error": ""})
            except (ApiError, OSError) as error:
                self._emit({"kind": "answer", "what": what, "value": None, "error": str(error)})
