#!/usr/bin/env python3
"""Faults at random moments against a whole farm, every part of it on a host (network namespace) of its own; then the invariants are
proved from the rows. The same seed makes the same faults in the same order. Needs root; exits with 77 where it cannot run.

    python3 tests/chaos/chaos.py --binaries build/release/bin --scene SCENE.blend --seed 7 --faults 200
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import checker
from clocks import Clocks, can_be_set
from farm import Farm
from faults import Faults
from network import Network, call

DISKS = {"blobs": 96, "nats": 256, "postgres": 768, "postgres-2": 768}  # MiB of the file systems that can be filled
# Frames and options of the jobs, in turns: whole frames, and short ones of which several are one unit.
KINDS_OF_JOBS = (("1-12", ()), ("1-24", ("--frames-a-unit", "6", "--frame-seconds", "1")))
JOBS_AT_ONCE = 2


class Chaos:
    def __init__(self, farm, disks, clocks, scene, seed, folder):
        self.farm, self.scene, self.folder = farm, scene, folder
        self.faults = Faults(farm, disks, clocks, seed, self.say)
        self.artist_random = random.Random(seed + 1)
        self.jobs, self.fetched = [], set()
        self.began = time.monotonic()

    def say(self, what, **more):
        print(json.dumps({"at": round(time.monotonic() - self.began, 1), "what": what, **more}), flush=True)

    def work(self, over):
        """What an artist does meanwhile, in a thread of his own. He counts on nothing but what he was told."""
        while not over.wait(2):
            self.submit_and_fetch()

    def submit_and_fetch(self):
        finished = {job for job in self.jobs if self.farm.state(job) in ("completed", "failed")}
        if len(self.jobs) - len(finished) < JOBS_AT_ONCE:
            frames, options = self.kind_of_job(len(self.jobs))
            told = self.cli("submit", self.scene, "--frames", frames, *options)
            if told:
                self.jobs.append(told.split()[0])
                self.say("job", id=self.jobs[-1])
        if self.jobs:
            self.fetch(self.artist_random.choice(self.jobs[-4:]))

    def cli(self, *arguments):
        try:
            ran = self.farm.cli(*arguments, check=False, timeout=40, dispatcher=self.artist_random.randrange(len(self.farm.dispatchers)))
        except subprocess.TimeoutExpired:
            return None
        return ran.stdout if ran.returncode == 0 else None

    @staticmethod
    def kind_of_job(place):
        return KINDS_OF_JOBS[place % len(KINDS_OF_JOBS)]

    def fetch(self, job):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        frames, _ = self.kind_of_job(self.jobs.index(job))
        self.cli("fetch", job, "--frames", frames, "-o", folder)
        for file in folder.glob("*.png"):
            frame = int(file.stem.rpartition("_")[2])
            self.fetched.add((job, str(frame), hashlib.sha256(file.read_bytes()).hexdigest()))
        shutil.rmtree(folder)

    def run(self, faults, seconds):
        ends = time.monotonic() + seconds
        over = threading.Event()
        artist = threading.Thread(target=self.work, args=(over,))
        artist.start()
        try:
            injected, next_fault = 0, time.monotonic() + 5
            while injected < faults and time.monotonic() < ends:
                self.faults.heal(when=time.monotonic())
                if time.monotonic() >= next_fault:
                    injected += self.faults.inject()
                    next_fault = time.monotonic() + self.faults.random.uniform(0.5, 3)
                time.sleep(0.1)
            return injected
        finally:
            self.faults.heal()
            over.set()
            artist.join()

    def rest(self, seconds):
        """Until all jobs have ended and nothing is on its way; what is wrong then."""
        done = lambda: all(self.farm.state(job) in ("completed", "failed") for job in self.jobs)
        self.farm.wait_until("the end of all jobs", done, seconds, 1)
        for job in self.jobs:
            self.fetch(job)
        acknowledged = checker.stored_results(self.farm.folder / "logs") - self.faults.excused
        findings = lambda: checker.check(self.farm.psql, self.farm.folder / "blobs", self.jobs, self.fetched, acknowledged)
        deadline = time.monotonic() + 90
        while (found := findings()) and time.monotonic() < deadline:
            time.sleep(1)
        return found, len(acknowledged)


def mount_disks(folder, names):
    for name in names:
        (folder / name).mkdir(parents=True)
        call("mount", "-t", "tmpfs", "-o", f"size={DISKS[name]}m,mode=0755", "ws-chaos", folder / name)


def keep(farm, folder, summary):
    """What it takes to find out later what happened: the rows, what every process said, and what was found."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(farm.folder / "logs", folder / "logs", dirs_exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    farm.database.dump(folder / "rows.dump")
    print(f"kept in {folder}; read it with: pg_restore -d DATABASE {folder / 'rows.dump'}", flush=True)


def summary_of(farm, chaos, options, injected, found, acknowledged):
    return {"seed": options.seed, "faults": injected, "kinds": chaos.faults.counts, "jobs": len(chaos.jobs),
            "frames_accepted": int(farm.psql("select count(*) from outputs")),
            "frames_failed": int(farm.psql("select count(*) from units where state = 'failed'")),
            "files_compared": len(chaos.fetched), "results_acknowledged": acknowledged,
            "acknowledged_and_lost_with_the_brokers_disk": len(chaos.faults.excused),
            "starts": {name: service.starts for name, service in farm.services.items()},
            "seconds": round(time.monotonic() - chaos.began), "violations": found}


def course(farm, disks, clocks, options, folder):
    """Faults, rest, proof; the exit code. The farm's rows and logs stay when something is wrong, and when they are asked for."""
    chaos = Chaos(farm, disks, clocks, pathlib.Path(options.scene).resolve(), options.seed, folder)
    summary = {"violations": {"it did not come to its end": []}}
    try:
        injected = chaos.run(options.faults, options.seconds)
        chaos.say("the faults are over", faults=injected)
        found, acknowledged = chaos.rest(options.rest_seconds)
        summary = summary_of(farm, chaos, options, injected, found, acknowledged)
        print(json.dumps(summary, indent=1))
    finally:
        if options.keep or summary["violations"]:
            keep(farm, options.keep or pathlib.Path(tempfile.mkdtemp(prefix="ws-chaos-kept-")), summary)
    if found:
        print(farm.last_words())
    if not summary["frames_accepted"]:
        print("nothing was rendered, so nothing is proved")
    return 1 if found or not summary["frames_accepted"] else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--scene", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=1800, help="no more faults after that")
    parser.add_argument("--without", default="", help="fail_over: one database without a standby; skew: clocks are left alone; fail_over,skew: neither")
    parser.add_argument("--rest-seconds", type=int, default=600, help="for the jobs to end afterwards")
    parser.add_argument("--keep", type=lambda text: pathlib.Path(text).resolve(), help="a folder for the rows and logs; kept below /tmp anyway when an invariant is broken")
    return parser.parse_args()


def main():
    options = arguments()
    without = set(filter(None, options.without.split(",")))
    if without - {"fail_over", "skew"}:
        sys.exit(f"--without {options.without}: only fail_over and skew can be left out")
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("iptables"):
        print("skipped: needs root, iproute2 and iptables")
        return 77
    if "skew" not in without and not can_be_set():
        sys.exit("libfaketime is missing: apt-get install faketime, or --without skew")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-chaos-"))
    folder.chmod(0o755)
    disks = [name for name in DISKS if name != "postgres-2" or "fail_over" not in without]
    clocks = None if "skew" in without else Clocks(folder / "clocks")
    network = farm = None
    try:
        mount_disks(folder / "farm", disks)
        network = Network(f"wsc{os.getpid()}")
        farm = Farm(options.binaries, folder / "farm", agents=3, dispatchers=2, verifiers=2, databases=1 if "fail_over" in without else 2, network=network,
                    settings={"clocks": clocks})
        farm.start()
        return course(farm, disks, clocks, options, folder)
    finally:
        if farm:
            farm.close()
        elif network:
            network.close()
        if clocks:
            clocks.close()
        for name in disks:
            subprocess.run(["umount", "-l", folder / "farm" / name], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
