"""From a saved copy to an accepted job: pack, estimate, hash, upload, submit, in a worker thread.

A submission is a dict that the book keeps, so that one that was interrupted goes on where it stood. The thread has its own
copy and sends news to `emit`; it never touches Blender."""

import os
import shutil
import threading
import traceback
import uuid

from . import child, estimate, manifest
from .client import ApiError, Cancelled, hash_file, patiently

PACK_SECONDS = 3600
PROBE_SECONDS = 180
STAGES = ("packing", "estimating", "hashing", "uploading", "submitting")


def new(outbox, title, server, plan):
    """`plan`: frames, decisions, deadline_ms, folder (of the results), probe, class, memory_bytes; see session.py."""
    key = uuid.uuid4().hex
    folder = os.path.join(outbox, key)
    os.makedirs(folder)
    return {
        "key": key, "title": title, "server": server, "plan": plan, "folder": folder,
        "copy": os.path.join(folder, "copy.blend"), "packed": os.path.join(folder, "packed.blend"),
        "description": None, "seconds": None, "sha256": "", "size_bytes": 0,
        "state": "waiting", "stage": "", "progress": 0.0, "text": "", "error": "",
    }


def discard_files(submission):
    """In a thread, which it answers: to remove a file of 500 MB takes 25 ms, on a busy disk a second."""
    removal = threading.Thread(target=shutil.rmtree, args=(submission["folder"], True), name="worldshare-discard")
    removal.start()
    return removal


class Run(threading.Thread):
    """`tools`: program (Blender's), scripts (folder of pack.py and probe.py), threads. `client`: of the server."""

    def __init__(self, submission, client, tools, emit):
        super().__init__(name="worldshare-submit", daemon=True)
        self._submission, self._client, self._tools, self._emit = dict(submission), client, tools, emit
        self._halt = threading.Event()
        self.key = submission["key"]

    def cancel(self):
        self._halt.set()

    def run(self):
        try:
            self._work()
        except Cancelled:
            self._tell(state="cancelled", text="cancelled")
        except (ApiError, child.ChildError, manifest.ManifestError, OSError) as error:
            self._tell(state="failed", error=str(error), text="failed")
        except Exception as error:  # a mistake of ours: told, so that the artist is not left waiting
            traceback.print_exc()
            self._tell(state="failed", error="internal error: %r" % error, text="failed")

    def _tell(self, **news):
        self._submission.update(news)
        self._emit({"kind": "submission", "key": self.key, "news": news})

    def _stage(self, name, text):
        self._tell(state="running", stage=name, progress=0.0, text=text, error="")

    def _work(self):
        if self._submission["description"] is None:
            self._pack()
        if self._submission["plan"]["probe"] and self._submission["seconds"] is None:
            self._probe()
        if not self._submission["sha256"]:
            self._hash()
        self._upload()
        self._submit()

    def _log(self, name):
        return os.path.join(self._submission["folder"], name + ".log")

    def _blender(self, blend, script, *arguments):
        return child.blender_command(self._tools["program"], blend, os.path.join(self._tools["scripts"], script), *arguments)

    def _pack(self):
        self._stage("packing", "packing textures and libraries into the copy")
        entry = self._submission
        answer = os.path.join(entry["folder"], "description.json")
        command = self._blender(entry["copy"], "pack.py", entry["packed"], answer)
        description = child.run_for_json(command, answer, self._log("pack"), self._halt.is_set, PACK_SECONDS)
        manifest.check_problems(description)
        os.remove(entry["copy"])
        self._tell(description=description, progress=1.0)

    def _probe(self):
        self._stage("estimating", "a few small renders tell how long a frame takes")
        entry = self._submission
        try:
            probes = run_probe(self._tools, entry["packed"], entry["folder"], entry["plan"]["frames"], self._halt.is_set)
        except child.ChildError as error:
            # A job without an estimate is a good job; the farm learns from its first frames.
            self._tell(seconds=[0.0, 0.0], text="not estimated: %s" % error)
            return
        found = estimate.estimate(probes, *work_of(entry["description"]), self._tools["threads"],
                                  entry["plan"].get("correction", 1.0))
        self._tell(seconds=[found["seconds"], found["fixed_seconds"]], estimate=found)

    def _hash(self):
        self._stage("hashing", "computing the scene's name from its content")
        path = self._submission["packed"]
        size = os.path.getsize(path)
        sha256, size = hash_file(path, lambda done: self._progress(done, size), self._halt.is_set)
        self._tell(sha256=sha256, size_bytes=size)

    def _progress(self, done, size):
        before, now = self._submission["progress"], done / max(1, size)
        if int(before * 200) != int(now * 200) or now >= 1:
            self._tell(progress=now)

    def _waiting(self, error, seconds):
        self._tell(text="%s; trying again in %d s" % (error, seconds))

    def _upload(self):
        entry, client = self._submission, self._client
        size = entry["size_bytes"]
        self._stage("uploading", "uploading %s" % estimate.bytes_text(size))

        def attempt():
            if client.has_blob(entry["sha256"]):
                self._tell(text="the server has this scene already")
                return
            self._tell(text="uploading %s" % estimate.bytes_text(size))
            client.upload(entry["packed"], entry["sha256"], size,
                          lambda done: self._progress(done, size), self._halt.is_set)

        patiently(attempt, self._halt, self._waiting)

    def _submit(self):
        self._stage("submitting", "handing in the manifest")
        entry = self._submission
        made = manifest_of(entry)
        created = patiently(lambda: self._client.submit(made, "addon-" + self.key), self._halt, self._waiting)
        if self._halt.is_set():  # the wish to cancel and the server's answer met on their way
            self._client.control(created["id"], "cancel")
            raise Cancelled()
        self._tell(state="done", progress=1.0, text="accepted", job=created["id"], manifest=made)


def work_of(description):
    return description["width"] * description["height"], max(1, description["samples"])


def manifest_of(entry):
    plan = entry["plan"]
    scene = {"sha256": entry["sha256"], "size_bytes": entry["size_bytes"], "name": entry["title"]}
    seconds = entry["seconds"] if entry["seconds"] and entry["seconds"][0] > 0 else None
    return manifest.make(entry["description"], scene, plan["frames"], plan["decisions"], entry["title"],
                         plan.get("deadline_ms", 0), seconds, plan.get("memory_bytes", 0))


def run_probe(tools, blend, folder, frames, cancelled):
    answer = os.path.join(folder, "probe.json")
    middle = frames["first"] + (frames["last"] - frames["first"]) // frames["step"] // 2 * frames["step"]
    wanted = sorted({frames["first"], middle, frames["last"]})
    command = child.blender_command(tools["program"], blend, os.path.join(tools["scripts"], "probe.py"), answer,
                                    ",".join(str(frame) for frame in wanted))
    return child.run_for_json(command, answer, os.path.join(folder, "probe.log"), cancelled, PROBE_SECONDS)
