"""The jobs and unfinished submissions that this user has, in one JSON file beside Blender's own settings.

Owned by the main thread: worker threads send what they learn, and the owner notes it here."""

import json
import os

LIVE = ("queued", "active", "paused")
KEPT_JOBS = 50
FLEETING = ("elapsed", "in_work", "waiting")
SHOWN_JOBS = 10
SHOWN = ("id", "state", "accepted", "total", "failed", "in_work", "waiting", "error", "observed")  # in the panel, beside files and time


class Book:
    def __init__(self, path):
        self._path = path
        self.jobs = []         # newest first: dicts, see new_job()
        self.submissions = []  # unfinished ones, see submission.new()
        self.history = []      # see estimate.remember()
        self.complaint = ""    # why it could not be read or written
        self._load()

    def _load(self):
        try:
            with open(self._path, encoding="utf-8") as file:
                stored = json.load(file)
            self.jobs, self.submissions = list(stored["jobs"]), list(stored["submissions"])
            self.history = list(stored["history"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.complaint = "%s cannot be read (%s); it was set aside" % (self._path, error)
            self._set_aside()

    def _set_aside(self):
        try:
            os.replace(self._path, self._path + ".damaged")
        except OSError:
            pass

    def save(self):
        data = {"jobs": self.jobs[:KEPT_JOBS], "submissions": self.submissions, "history": self.history}
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(self._path + ".new", "w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
            os.replace(self._path + ".new", self._path)
        except OSError as error:
            self.complaint = "%s cannot be written: %s" % (self._path, error)

    def job(self, job_id):
        return next((job for job in self.jobs if job["id"] == job_id), None)

    def submission(self, key):
        return next((entry for entry in self.submissions if entry["key"] == key), None)

    def add_job(self, job):
        if self.job(job["id"]) is None:
            self.jobs.insert(0, job)
        self.save()

    def drop_submission(self, key):
        self.submissions = [entry for entry in self.submissions if entry["key"] != key]
        self.save()

    def note(self, job_id, news):
        """True when something changed."""
        job = self.job(job_id)
        if job is None or all(job.get(name) == value for name, value in news.items()):
            return False
        worth_saving = any(job.get(name) != value for name, value in news.items() if name not in FLEETING)
        job.update(news)
        if worth_saving:
            self.save()
        return True

    def live(self):
        return [job for job in self.jobs if job["state"] in LIVE or not job["fetched"]]


def new_job(job_id, title, server, folder, frames, extension, scene_class="", engine="", predicted=0.0):
    return {
        "id": job_id, "title": title, "server": server, "folder": folder, "frames": frames, "extension": extension,
        "state": "queued", "accepted": 0, "failed": 0, "total": 0, "priority": 50, "in_work": 0,
        "elapsed": 0.0, "waiting": "", "error": "",
        "files": {},        # frame number as text → path of the verified picture
        "fetched": False,   # nothing more to fetch
        "class": scene_class, "engine": engine, "predicted": predicted, "observed": 0.0,
    }


def frame_file(job, frame):
    return os.path.join(job["folder"], "frame_%04d.%s" % (frame, job["extension"]))
