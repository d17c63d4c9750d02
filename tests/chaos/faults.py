"""What happens to a farm on several hosts: one fault after the other, drawn by a seed, each with what ends it."""

import random
import shutil
import signal
import subprocess
import time
import typing

import checker
from processes import descendants, signal_all

SKEWS = (2, 45, 600, 3600, 3 * 86400)  # seconds


class Lasting(typing.NamedTuple):
    """A fault that goes on for some seconds, until `end` is called. `target`: what nothing else happens to meanwhile; the host when empty."""
    seconds: float
    end: typing.Callable[[], None]
    target: str = ""
    told: dict = {}


class Faults:
    """Each method of `kinds` does its harm to a host and returns None, a Lasting, or False when it cannot be done now."""

    def __init__(self, farm, disks, clocks, seed, say):
        self.farm, self.disks, self.clocks, self.say = farm, disks, clocks, say
        self.random = random.Random(seed)
        self.undo = []        # (when, target, end)
        self.counts = {}
        self.excused = set()  # acknowledged by a broker whose disk is gone, and not judged until then
        self.kinds = {"kill": (8, self.kill), "freeze": (4, self.freeze), "cut": (5, self.cut), "slow": (3, self.slow), "lose": (4, self.lose),
                      "fill": (3, self.fill), "restart_database": (2, self.restart_database), "kill_blender": (2, self.kill_blender),
                      "wipe_broker": (1, self.wipe_broker)}
        if clocks:
            self.kinds["skew"] = (4, self.skew)
        if farm.database.standby:
            self.kinds["fail_over"] = (2, self.fail_over)

    # -- the faults
    def kill(self, host, rng):
        signal_all([self.farm.services[host].process.pid], signal.SIGKILL)

    def freeze(self, host, rng):
        pids = descendants(self.farm.services[host].process.pid)
        signal_all(pids, signal.SIGSTOP)
        return Lasting(rng.uniform(1, 12), lambda: signal_all(pids, signal.SIGCONT))

    def cut(self, host, rng):
        self.farm.network.cut(host, True)
        return Lasting(rng.uniform(1, 10), lambda: self.farm.network.cut(host, False))

    def slow(self, host, rng):
        self.farm.network.slow(host, rng.choice([128, 512, 2048]))
        return Lasting(rng.uniform(2, 10), lambda: self.farm.network.slow(host, None))

    def lose(self, host, rng):
        self.farm.network.lose(host, round(rng.uniform(0.05, 0.3), 2))
        return Lasting(rng.uniform(2, 10), lambda: self.farm.network.lose(host, None))

    def fill(self, host, rng):
        disk = rng.choice(list(self.disks))
        filler = self.farm.folder / disk / "filler"
        free = shutil.disk_usage(filler.parent).free
        subprocess.run(["fallocate", "-l", str(free), str(filler)], check=False, capture_output=True)

        def make_room():
            filler.unlink(missing_ok=True)
            # What docs/operations.md tells an operator: nats-server 2.9.10 may have locked itself up in its file store.
            if disk == "nats":
                signal_all([self.farm.services["nats"].process.pid], signal.SIGKILL)
        # A disk is one target whichever host was drawn.
        return Lasting(rng.uniform(1, 6), make_room, "fill", {"disk": disk})

    def restart_database(self, host, rng):
        number = rng.choice([signal.SIGINT, signal.SIGQUIT])
        signal_all([self.farm.services[self.farm.database.primary].process.pid], number)

    def kill_blender(self, host, rng):
        agent = self.farm.services[rng.choice(self.farm.agents)].process.pid
        blenders = [pid for pid in descendants(agent) if pid != agent]
        signal_all(blenders[-1:], signal.SIGKILL)

    def skew(self, host, rng):
        """A service's clock jumps, and jumps back."""
        target, seconds = f"clock of {host}", rng.choice(SKEWS) * rng.choice([1, -1])
        if not self.clocks.has(host) or self.is_upset(target):
            return False
        self.clocks.set(host, seconds)
        return Lasting(rng.uniform(2, 20), lambda: self.clocks.set(host, 0), target, {"by": seconds})

    # -- those that an operator has to mend
    def wipe_broker(self, host, rng):
        """All that is in motion is lost; the rows bring it back."""
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

    def fail_over(self, host, rng):
        """The primary's machine dies, or is cut off and does not know it; the standby takes over."""
        database, old, is_cut_off = self.farm.database, self.farm.database.primary, rng.random() < 0.5
        self.heal([*database.hosts, "fill"])
        self.farm.wait_until("a standby in step", database.is_in_step, 120)
        if is_cut_off:
            self.farm.network.cut(old, True)
        else:
            self.farm.kill_host(old)
        database.fail_over()

        def restore():
            self.heal(["fill"])
            self.farm.kill_host(old)
            self.farm.network.cut(old, False)
            database.restore()
        return Lasting(rng.uniform(1, 20), restore, "database", {"from": old, "which": "is cut off" if is_cut_off else "died"})

    # -- the course
    def is_upset(self, *targets):
        return any(target in targets for _, target, _ in self.undo)

    def inject(self):
        """One fault; false when what was drawn cannot happen now."""
        names, weights = zip(*((name, weight) for name, (weight, _) in self.kinds.items()))
        kind = self.random.choices(names, weights)[0]
        host = self.random.choice(self.farm.names)
        rng = random.Random(self.random.getrandbits(64))  # what a fault draws does not move the next one
        targets = [host, kind]
        if host in self.farm.database.hosts or kind in ("restart_database", "fail_over"):
            targets.append("database")  # until there is a standby again
        if self.is_upset(*targets):
            return False
        lasting = self.kinds[kind][1](host, rng)
        if lasting is False:
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.say(kind, host=host, seconds=round(lasting.seconds, 1) if lasting else 0, **(lasting.told if lasting else {}))
        if lasting:
            self.undo.append((time.monotonic() + lasting.seconds, lasting.target or host, lasting.end))
        return True

    def heal(self, targets=None, when=None):
        """Ends all faults, or those of some targets, or those whose time is over."""
        def is_due(one):
            return (when is None or one[0] <= when) and (targets is None or one[1] in targets)
        while due := next(filter(is_due, self.undo), None):
            self.undo.remove(due)
            due[2]()
