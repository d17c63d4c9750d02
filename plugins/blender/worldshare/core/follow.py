"""Follows the jobs of one user and fetches their verified frames, in one worker thread.

The main thread says what to follow with watch(); everything that is learned goes to `emit`."""

import os
import threading

from .book import frame_file
from .client import ApiError, Cancelled

ENDED = ("completed", "failed", "cancelled")
BUSY_SECONDS, AWAY_SECONDS = 1.0, 10.0
FRAMES_AT_ONCE = 20


class Follower(threading.Thread):
    """`client_of(server)` gives a Client, or None when this session may not talk to it."""

    def __init__(self, client_of, emit):
        super().__init__(name="worldshare-follow", daemon=True)
        self._client_of, self._emit = client_of, emit
        self._wake, self._closed = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._jobs, self._fetch = [], True   # guarded by _lock

    def watch(self, jobs, fetch):
        """The book's live jobs. Those that are followed already keep what this thread knows of them."""
        with self._lock:
            known = {job["id"]: job for job in self._jobs}
            wake = fetch != self._fetch or any(job["id"] not in known for job in jobs)
            self._jobs = [known.get(job["id"]) or {**job, "files": dict(job["files"])} for job in jobs]
            self._fetch = fetch
        if wake:
            self._wake.set()

    def close(self):
        self._closed.set()
        self._wake.set()

    def run(self):
        pause = BUSY_SECONDS
        while not self._closed.is_set():
            with self._lock:
                jobs, fetch = list(self._jobs), self._fetch
            if jobs:
                pause = BUSY_SECONDS if self._round(jobs, fetch) else min(AWAY_SECONDS, pause * 2)
            if self._wake.wait(pause if jobs else None) and not self._closed.is_set():
                self._wake.clear()
                pause = BUSY_SECONDS

    def _round(self, jobs, fetch):
        """False when no server answered."""
        answered = False
        for job in jobs:
            if self._closed.is_set():
                break
            try:
                client = self._client_of(job["server"])
                if client is not None:
                    self._follow(client, job, fetch)
                answered = True
            except Cancelled:
                break
            except ApiError as error:
                lost = {"fetched": True, "state": "unknown"} if error.kind == "missing" else {}
                self._news(job, {"error": str(error), **lost})
                answered = answered or not error.again
            except OSError as error:
                self._news(job, {"error": "cannot write to %s: %s" % (job["folder"], error.strerror)})
                answered = True
            except (KeyError, TypeError, ValueError) as error:
                self._news(job, {"error": "the server's answer is not understood: %r" % error})
        return answered

    def _news(self, job, news):
        self._emit({"kind": "job", "id": job["id"], "news": news})

    def _follow(self, client, job, fetch):
        status = client.job(job["id"])
        accepted = status.get("frames_accepted", 0)
        news = {
            "state": status.get("state", "unknown"), "accepted": accepted, "failed": status.get("frames_failed", 0),
            "total": status.get("frames", 0), "in_work": status.get("replicas_in_work", 0),
            "elapsed": round(status.get("elapsed_seconds", 0.0), 1), "waiting": status.get("waiting", ""),
            "error": status.get("error", ""),
        }
        self._news(job, news)
        if fetch and accepted > len(job["files"]):
            self._fetch_frames(client, job)
        if news["state"] in ENDED and (not fetch or len(job["files"]) >= accepted):
            self._news(job, {"fetched": True})

    def _fetch_frames(self, client, job):
        os.makedirs(job["folder"], exist_ok=True)
        missing = [frame for frame in all_frames(job["frames"]) if str(frame) not in job["files"]]
        for frame in self._accepted(client, job, missing)[:FRAMES_AT_ONCE]:
            if self._closed.is_set():
                raise Cancelled()
            told = client.frame(job["id"], frame)
            if told.get("state") != "accepted":
                continue
            path = frame_file(job, frame)
            client.download(told["artifact"], told.get("size_bytes", 0), path, self._closed.is_set)
            job["files"][str(frame)] = path
            seconds = [replica["render_seconds"] for replica in told.get("replicas", ())
                       if replica.get("state") == "agreed" and replica.get("render_seconds", 0) > 0]
            job["observed"] = mean(seconds) or job["observed"]
            self._news(job, {"files": dict(job["files"]), "observed": job["observed"]})

    @staticmethod
    def _accepted(client, job, missing):
        """Those of `missing` that the list of units calls accepted; it shows a thousand, so beyond them each is asked for."""
        units = client.units(job["id"])
        accepted = {unit["frame"] for unit in units if unit.get("state") == "accepted"}
        return [frame for frame in missing if frame in accepted] if len(units) < 1000 else missing


def all_frames(frames):
    return range(frames["first"], frames["last"] + 1, frames["step"])


def mean(values):
    return sum(values) / len(values) if values else 0.0
