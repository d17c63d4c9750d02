"""The one object that lives while the add-on is on: book, worker threads, analysis, estimate. Main thread only.

Workers put news into a queue; tick(), a persistent timer, takes them out, a few milliseconds at a time. A modal operator
would end with the file and, while it runs, keep Blender from saving automatically; so uploads do not live in one."""

import os
import queue
import tempfile
import time

import bpy

from ..core import book as book_file
from ..core import calls, client, estimate, facts, follow, probing, routing, rules, server, submission
from . import analysis, redrawing, settings

DRAIN_SECONDS = 0.004
ADDRESS_SECONDS = 2.0
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Session:
    def __init__(self):
        self.rules = rules.load(os.path.join(HERE, "rules.json"), facts.EMPTY)
        self.folder = settings.user_folder()
        self.book = book_file.Book(os.path.join(self.folder, "jobs.json"))
        self.analysis = None
        self.estimates = {}      # scene name → the last estimate
        self.estimating = None   # (scene name, thread)
        self.runs = {}           # submission key → running thread
        self.notices = []        # newest last
        self._painter = redrawing.Painter()
        self._known_address, self._asked_address = None, -ADDRESS_SECONDS
        self.server_told = ""    # what the last test of the connection said
        self._news = queue.SimpleQueue()
        self._follower = self._calls = None
        self._removals = []      # threads that remove packed copies
        self._access = ("", "", False)   # replaced as a whole, so threads may read it
        for entry in self.book.submissions:
            if entry["state"] == "running":
                entry.update(state="interrupted", text="interrupted when Blender closed")

    # Life

    def close(self):
        if self.analysis is not None:
            self.analysis.stop("the add-on was switched off")
        for run in self.runs.values():
            run.cancel()
        if self.estimating:
            self.estimating[1].cancel()
        for thread in (self._follower, self._calls):
            if thread is not None:
                thread.close()
        for thread in [*self.runs.values(), *self._removals, self._follower, self._calls]:
            if thread is not None:
                thread.join(2.0)
        self.book.save()

    def tick(self):
        """Takes news, goes on reading; answers when to be called again."""
        changed, running = self.drain(), self.analysis is not None and self.analysis.running
        if running:
            changed = self.analysis.step() or changed
        self._painter.turn(self, changed)
        if running:
            return 0.0
        if self.runs or self.estimating:
            return 0.1
        return 0.25 if self._follower is not None and self.book.live() else 0.5

    def drain(self):
        ends, changed = time.perf_counter() + DRAIN_SECONDS, False
        while time.perf_counter() < ends:
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                break
            getattr(self, "_on_" + news["kind"])(news)
            changed = True
        return changed

    def note(self, text):
        self.notices = (self.notices + [text])[-5:]

    # Server

    def address(self):
        preferences = settings.preferences()
        try:
            return server.choose(preferences.server.strip(), preferences.token)
        except OSError as error:
            return "", "", "the token's file cannot be read: %s" % error

    def known_address(self):
        """The same, at most so old; for drawing, because it may read files."""
        if time.monotonic() - self._asked_address >= ADDRESS_SECONDS:
            self._known_address, self._asked_address = self.address(), time.monotonic()
        return self._known_address

    def client_of(self, base):
        """A client of the server that a job is on; the token is that of the server in use. Callable from any thread."""
        address, token, online = self._access
        if not online:
            return None
        return client.Client(base, token if base.rstrip("/") == address.rstrip("/") else "")

    def refresh_address(self):
        """What threads may know of the preferences, taken from them in the main thread."""
        address, token, _ = self.address()
        self._access = (address, token, settings.online())
        return address

    def ask(self, what, call):
        if self._calls is None:
            self._calls = calls.Calls(self._news.put)
            self._calls.start()
        self._calls.ask(what, call)

    def _on_answer(self, news):
        if news["what"] == "test":
            told = news["value"]
            self.server_told = news["error"] or "WorldShare %s, %s" % (told.get("version", "?"), told.get("status", "?"))
        elif news["error"]:
            self.note("%s: %s" % (news["what"], news["error"]))
        self.follow()

    # Analysis and estimate

    def analyse(self, scene):
        if self.analysis is not None:
            self.analysis.stop("another reading began")
        self.analysis = analysis.Analysis(scene.name, self.rules)
        redrawing.redraw()
        return self.analysis

    def analysis_of(self, scene):
        """The finished one of this scene, or None."""
        found = self.analysis
        return found if found is not None and found.scene_name == scene.name and found.facts is not None else None

    def decisions(self, scene):
        """Decisions by name, and the facts they rest on; of an analysed scene."""
        found = self.analysis_of(scene)
        known = self.estimates.get(scene.name)
        all_facts = found.facts_with(scene.worldshare, settings.frames_of(scene), known["seconds"] if known else 0.0)
        return routing.route(self.rules, all_facts, settings.overrides(scene.worldshare)), all_facts

    def tools(self, scene):
        return {"program": bpy.app.binary_path, "scripts": os.path.join(HERE, "background"), "threads": settings.threads_of(scene)}

    def correction(self, scene):
        found = self.analysis_of(scene)
        return estimate.correction_of(self.book.history, found.facts["class"], found.facts["engine"])

    def start_estimate(self, scene):
        """Saves a copy and probes it in the background."""
        folder = tempfile.mkdtemp(prefix="worldshare-")
        blend = os.path.join(folder, "copy.blend")
        bpy.ops.wm.save_as_mainfile(filepath=blend, copy=True, compress=False, check_existing=False)
        known = self.analysis_of(scene).facts
        work = (known["width"] * known["height"], max(1, known["samples"]))
        run = probing.Run(scene.name, blend, folder, settings.frames_of(scene), work, self.tools(scene),
                          self.correction(scene), self.emit)
        self.estimating = (scene.name, run)
        run.start()

    def _on_estimate(self, news):
        self.estimating = None
        if news["estimate"]:
            self.estimates[news["scene"]] = news["estimate"]
        elif news["error"]:
            self.note("Estimate: %s" % news["error"])

    def emit(self, news):
        self._news.put(news)

    # Submissions

    def plan(self, scene, folder):
        decisions, all_facts = self.decisions(scene)
        hours = scene.worldshare.deadline_hours
        known = self.estimates.get(scene.name)
        return {
            "frames": settings.frames_of(scene), "folder": folder,
            "decisions": {name: decision.value for name, decision in decisions.items()},
            "deadline_ms": int((time.time() + hours * 3600) * 1000) if hours > 0 else 0,
            "probe": scene.worldshare.probe and known is None,
            "class": all_facts["class"], "memory_bytes": int(all_facts["memory_bytes"]),
            "correction": self.correction(scene),
        }

    def submit(self, scene, folder):
        """Saves the copy, the one step that Blender must wait for, and starts the thread."""
        address = self.refresh_address()
        title = os.path.basename(bpy.data.filepath) or "untitled.blend"
        entry = submission.new(os.path.join(self.folder, "outbox"), title, address, self.plan(scene, folder))
        known = self.estimates.get(scene.name)
        if known:
            entry.update(seconds=[known["seconds"], known["fixed_seconds"]], estimate=known)
        bpy.ops.wm.save_as_mainfile(filepath=entry["copy"], copy=True, compress=False, check_existing=False)
        self.book.submissions.append(entry)
        self.start(entry, scene)
        return entry["key"]

    def start(self, entry, scene):
        """Also goes on with one that was interrupted."""
        self.refresh_address()
        run = submission.Run(entry, self.client_of(entry["server"]), self.tools(scene), self.emit)
        entry.update(state="running", error="")
        self.runs[run.key] = run
        self.book.save()
        run.start()

    def cancel(self, key):
        if key in self.runs:
            self.runs[key].cancel()
            self.book.submission(key)["text"] = "cancelling"

    def discard(self, key):
        entry = self.book.submission(key)
        if entry and key not in self.runs:
            self.book.drop_submission(key)
            self._removals = [thread for thread in self._removals if thread.is_alive()] + [submission.discard_files(entry)]

    def _on_submission(self, news):
        entry = self.book.submission(news["key"])
        if entry is None:
            return
        entry.update(news["news"])
        if set(news["news"]) - {"progress", "text"}:
            self.book.save()
        if entry["state"] in {"done", "failed", "cancelled"}:
            self.runs.pop(news["key"], None)
        if entry["state"] == "done":
            self._accepted(entry)
        elif entry["state"] == "cancelled":
            self.discard(news["key"])
            self.note("%s: cancelled, nothing was kept" % entry["title"])

    def _accepted(self, entry):
        plan = entry["plan"]
        job = book_file.new_job(
            entry["job"], entry["title"], entry["server"], plan["folder"], plan["frames"],
            {"jpeg": "jpg"}.get(entry["description"]["format"], entry["description"]["format"]),
            plan["class"], entry["description"]["engine"], (entry["seconds"] or [0.0])[0])
        job["folder"] = os.path.join(job["folder"], "%s-%s" % (os.path.splitext(entry["title"])[0], entry["job"][:8]))
        job["priority"] = plan["decisions"]["priority"]
        self.book.add_job(job)
        self.discard(entry["key"])
        self.follow()

    # Jobs

    def follow(self):
        """Tells the follower what to look at; starts it when there is something."""
        self.refresh_address()
        live = self.book.live() if settings.online() else []
        if self._follower is None:
            if not live:
                return
            self._follower = follow.Follower(self.client_of, self.emit)
            self._follower.start()
        self._follower.watch(live, settings.preferences().fetch)

    def _on_job(self, news):
        job = self.book.job(news["id"])
        if job is None:
            return
        before = job["state"]
        if not self.book.note(news["id"], news["news"]):
            return
        if job["state"] != before and job["state"] in follow.ENDED:
            self.note("%s is %s: %d of %d frames verified" % (job["title"], job["state"], job["accepted"], job["total"]))
        if job["fetched"] and job["observed"] > 0 and job["predicted"] > 0:
            self.book.history = estimate.remember(
                self.book.history, job["class"], job["engine"], job["predicted"], job["observed"])
            job["predicted"] = 0.0  # counted once
            self.book.save()
        self.follow()

    def forget(self, job_id):
        self.book.jobs = [job for job in self.book.jobs if job["id"] != job_id]
        self.book.save()
        self.follow()


current = None


def get():
    """The session, made at the first use: preferences are there only after register()."""
    global current
    if current is None:
        current = Session()
        current.follow()
    return current


def tick():
    return get().tick()


def close():
    global current
    if current is not None:
        current.close()
        current = None
