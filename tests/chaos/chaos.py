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
import signal
import subprocess
import sys
import tempfile
import threading
import time

import checker
from farm import DATABASE, USER, Farm, postgres_programs
from network import Network, call

DISKS = {"blobs": 96, "nats": 256, "postgres": 768}  # MiB of the file systems that can be filled
FRAMES_OF_A_JOB = 12
JOBS_AT_ONCE = 2


def descendants(pid):
    """This process and all that came of it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    out, todo = [], [pid]
    while todo:
        one = todo.pop()
        out.append(one)
        todo.extend(children.get(one, []))
    return out


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Chaos:
    def __init__(self, farm, scene, seed, folder):
        self.farm, self.scene, self.folder = farm, scene, folder
        self.random = random.Random(seed)
        self.artist_random = random.Random(seed + 1)
        self.undo = []        # (when, what, target, action)
        self.counts = {}
        self.excused = set()  # acknowledged by a broker whose disk is gone, and not judged until then
        self.jobs, self.fetched = [], set()
        self.began = time.monotonic()
        self.kinds = {"kill": (8, self.kill), "freeze": (4, self.freeze), "cut": (5, self.cut), "slow": (3, self.slow), "lose": (4, self.lose),
                      "fill": (3, self.fill), "restart_database": (2, self.restart_database), "kill_blender": (2, self.kill_blender),
                      "wipe_broker": (1, self.wipe_broker)}

    def say(self, what, **more):
        print(json.dumps({"at": round(time.monotonic() - self.began, 1), "what": what, **more}), flush=True)

    # -- faults: each returns None, or (how long it lasts, what ends it)
    def kill(self, host, rng):
        signal_all([self.farm.services[host].process.pid], signal.SIGKILL)

    def freeze(self, host, rng):
        pids = descendants(self.farm.services[host].process.pid)
        signal_all(pids, signal.SIGSTOP)
        return rng.uniform(1, 12), lambda: signal_all(pids, signal.SIGCONT)

    def cut(self, host, rng):
        self.farm.network.cut(host, True)
        return rng.uniform(1, 10), lambda: self.farm.network.cut(host, False)

    def slow(self, host, rng):
        self.farm.network.slow(host, rng.choice([128, 512, 2048]))
        return rng.uniform(2, 10), lambda: self.farm.network.slow(host, None)

    def lose(self, host, rng):
        self.farm.network.lose(host, round(rng.uniform(0.05, 0.3), 2))
        return rng.uniform(2, 10), lambda: self.farm.network.lose(host, None)

    def fill(self, host, rng):
        disk = rng.choice(list(DISKS))
        filler = self.farm.folder / disk / "filler"
        free = shutil.disk_usage(filler.parent).free
        subprocess.run(["fallocate", "-l", str(free), str(filler)], check=False, capture_output=True)

        def make_room():
            filler.unlink(missing_ok=True)
            # What docs/operations.md tells an operator: nats-server 2.9.10 may have locked itself up in its file store.
            if disk == "nats":
                signal_all([self.farm.services["nats"].process.pid], signal.SIGKILL)
        return rng.uniform(1, 6), make_room

    def restart_database(self, host, rng):
        number = rng.choice([signal.SIGINT, signal.SIGQUIT])
        signal_all([self.farm.services["postgres"].process.pid], number)

    def kill_blender(self, host, rng):
        agent = self.farm.services[rng.choice(self.farm.agents)].process.pid
        blenders = [pid for pid in descendants(agent) if pid != agent]
        signal_all(blenders[-1:], signal.SIGKILL)

    def wipe_broker(self, host, rng):
        """All that is in motion is lost; the rows bring it back. The only fault that an operator has to mend."""
        self.heal()
        service = self.farm.services["nats"]
        service.stop(signal.SIGKILL)
        self.farm.wait_until("the database", lambda: self.farm.psql("select 1", check=False) == "1", 120)
        acknowledged = checker.stored_results(self.farm.folder / "logs")
        self.excused |= acknowledged - set(self.farm.psql("select lease from results").split())
        shutil.rmtree(self.farm.folder / "nats/jetstream", ignore_errors=True)
        service.start()
        self.farm.wait_until("the broker", self.farm.broker_answers, 60)
        self.farm.provision()

    # -- the course
    def inject(self):
        names, weights = zip(*((name, weight) for name, (weight, _) in self.kinds.items()))
        kind = self.random.choices(names, weights)[0]
        host = self.random.choice(self.farm.names)
        rng = random.Random(self.random.getrandbits(64))  # what a fault draws does not move the next one
        if any(target in (host, kind) for _, _, target, _ in self.undo) or not self.farm.services[host].process:
            return False
        lasting = self.kinds[kind][1](host, rng)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.say(kind, host=host, seconds=round(lasting[0], 1) if lasting else 0)
        if lasting:
            # A disk is one target whichever host was drawn.
            self.undo.append((time.monotonic() + lasting[0], kind, "fill" if kind == "fill" else host, lasting[1]))
        return True

    def heal(self, everything=True):
        now = time.monotonic()
        for one in [one for one in self.undo if everything or one[0] <= now]:
            self.undo.remove(one)
            one[3]()

    def work(self, over):
        """What an artist does meanwhile, in a thread of his own. He counts on nothing but what he was told."""
        while not over.wait(2):
            self.submit_and_fetch()

    def submit_and_fetch(self):
        finished = {job for job in self.jobs if self.farm.state(job) in ("completed", "failed")}
        if len(self.jobs) - len(finished) < JOBS_AT_ONCE:
            told = self.cli("submit", self.scene, "--frames", f"1-{FRAMES_OF_A_JOB}")
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

    def fetch(self, job):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        self.cli("fetch", job, "--frames", f"1-{FRAMES_OF_A_JOB}", "-o", folder)
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
                self.heal(everything=False)
                if time.monotonic() >= next_fault:
                    injected += self.inject()
                    next_fault = time.monotonic() + self.random.uniform(0.5, 3)
                time.sleep(0.1)
            return injected
        finally:
            self.heal()
            over.set()
            artist.join()

    def rest(self, seconds):
        """Until all jobs have ended and nothing is on its way; what is wrong then."""
        done = lambda: all(self.farm.state(job) in ("completed", "failed") for job in self.jobs)
        self.farm.wait_until("the end of all jobs", done, seconds, 1)
        for job in self.jobs:
            self.fetch(job)
        acknowledged = checker.stored_results(self.farm.folder / "logs") - self.excused
        findings = lambda: checker.check(self.farm.psql, self.farm.folder / "blobs", self.jobs, self.fetched, acknowledged)
        deadline = time.monotonic() + 90
        while (found := findings()) and time.monotonic() < deadline:
            time.sleep(1)
        return found, len(acknowledged)


def mount_disks(folder):
    for name, size in DISKS.items():
        (folder / name).mkdir(parents=True)
        call("mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0755", "ws-chaos", folder / name)


def keep(farm, folder, summary):
    """What it takes to find out later what happened: the rows, what every process said, and what was found."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(farm.folder / "logs", folder / "logs", dirs_exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    farm.run("postgres", postgres_programs() / "pg_dump", "-h", farm.address("postgres"), "-p", farm.port("postgres"), "-U", USER,
             "--format=custom", f"--file={folder / 'rows.dump'}", DATABASE)
    print(f"kept in {folder}; read it with: pg_restore -d DATABASE {folder / 'rows.dump'}", flush=True)


def summary_of(farm, chaos, options, injected, found, acknowledged):
    return {"seed": options.seed, "faults": injected, "kinds": chaos.counts, "jobs": len(chaos.jobs),
            "frames_accepted": int(farm.psql("select count(*) from outputs")),
            "frames_failed": int(farm.psql("select count(*) from units where state = 'failed'")),
            "files_compared": len(chaos.fetched), "results_acknowledged": acknowledged,
            "acknowledged_and_lost_with_the_brokers_disk": len(chaos.excused),
            "starts": {name: service.starts for name, service in farm.services.items()},
            "seconds": round(time.monotonic() - chaos.began), "violations": found}


def course(farm, options, folder):
    """Faults, rest, proof; the exit code. The farm's rows and logs stay when something is wrong, and when they are asked for."""
    chaos = Chaos(farm, pathlib.Path(options.scene).resolve(), options.seed, folder)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--scene", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=1800, help="no more faults after that")
    parser.add_argument("--rest-seconds", type=int, default=600, help="for the jobs to end afterwards")
    parser.add_argument("--keep", type=lambda text: pathlib.Path(text).resolve(), help="a folder for the rows and logs; kept below /tmp anyway when an invariant is broken")
    options = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("iptables"):
        print("skipped: needs root, iproute2 and iptables")
        return 77
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-chaos-"))
    folder.chmod(0o755)
    network = farm = None
    try:
        mount_disks(folder / "farm")
        network = Network(f"wsc{os.getpid()}")
        farm = Farm(options.binaries, folder / "farm", agents=3, dispatchers=2, verifiers=2, network=network)
        farm.start()
        return course(farm, options, folder)
    finally:
        if farm:
            farm.close()
        elif network:
            network.close()
        for name in DISKS:
            subprocess.run(["umount", "-l", folder / "farm" / name], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
