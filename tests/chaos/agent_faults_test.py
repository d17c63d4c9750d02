"""What a volunteer's machine suffers, done for real: agent_faults_test.py BINARIES SCENE.blend LONG_SCENE.blend [CASE..]

Two agents of different owners, whose pictures must agree: a job ends only when the one that suffers is back. After each fault it goes on
by itself, or says what a person must do; no lease outlived its limit, and the rows keep the invariants (checker.py). Needs root."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import checker
from clocks import Clocks, can_be_set
from farm import ROOT, Farm
from network import Network
from processes import descendants, signal_all

BINARIES = sys.argv.pop(1)
SCENE = pathlib.Path(sys.argv.pop(1)).resolve()
LONG_SCENE = pathlib.Path(sys.argv.pop(1)).resolve()  # a frame of it takes seconds: time for a fault
VICTIM = "agent-1"
# For a lease that has to last: a slow machine may take longer than the farm's own between two signs of progress.
LASTING = {"lease": {"initial_seconds": 120, "extend_seconds": 60, "report_grace_seconds": 60}}
with_faketime = unittest.skipUnless(can_be_set() and shutil.which("faketime"), "libfaketime is not installed")

# A row says at the latest when a lease ends that nobody works on; the dispatcher looks every moment.
OUTLIVED = """select lease || ' of ' || agent || ' ' || state || ' ' || coalesce(ended_at, now()) - expires_at from replicas
               where (state = 'expired' or state = 'leased') and coalesce(ended_at, now()) > expires_at + interval '5 s'"""


@unittest.skipIf(os.geteuid() != 0, "needs root, for namespaces and small disks")
class FaultTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-fault-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)

    def start(self, network=None, start=True, **settings):
        self.farm = Farm(BINARIES, self.folder / "farm", agents=2, network=network, settings=settings)
        self.addCleanup(self.farm.close)
        if start:
            self.farm.start()
        return self.farm

    def network(self):
        missing = [program for program in ("ip", "iptables") if not shutil.which(program)]
        if missing:
            self.skipTest(f"there is no {missing[0]}")
        return Network(f"wsf{os.getpid()}")

    def make_scene(self, name, *statements):
        """The default cube in Cycles, small, and what the statements make of it."""
        path = self.folder / name
        text = ["import bpy", "scene = bpy.context.scene", "scene.render.engine = 'CYCLES'", "scene.cycles.samples = 4", "scene.cycles.use_denoising = False",
                "scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100", *statements,
                f"bpy.ops.wm.save_as_mainfile(filepath='{path}', compress=True)"]
        subprocess.run(["blender", "-b", "--factory-startup", "-noaudio", "--python-exit-code", "3", "--python-expr", "; ".join(text)],
                       check=True, capture_output=True)
        return path

    # -- what the victim says
    def agent(self, command, *more):
        """A command of the victim's program, as its owner would give it."""
        return self.farm.run(VICTIM, *self.farm.wrap(VICTIM), self.farm.binaries / "worldshare-agent", command, "--config",
                             self.farm.folder / f"{VICTIM}.yaml", *more, check=False)

    def status(self):
        said = self.agent("status", "--json").stdout
        return json.loads(said) if said else {}

    def says(self, *words, seconds=90):
        """Waits until `worldshare-agent status` says all this."""
        def said():
            page = self.agent("status").stdout
            return all(word in page for word in words)
        try:
            self.farm.wait_until(f"{words} of the agent", said, seconds, 0.5)
        except RuntimeError:
            self.fail(f"{words} is not in:\n{self.agent('status').stdout}\n{self.farm.last_words()}")

    def log(self):
        return (self.farm.folder / f"logs/{VICTIM}.log").read_text(errors="replace")

    # -- the course of a case
    def wait_for_work(self):
        """Until the victim is in the middle of a unit."""
        def rendering():
            return any(slot["phase"] == "rendering" and slot.get("progress", 0) > 0 for slot in self.status().get("slots", []))
        self.farm.wait_until("a unit in work", rendering, 300, 0.1)

    def restart(self, *names):
        for name in names:
            self.farm.services[name].stop()
            self.farm.services[name].start()

    def blenders(self):
        """The victim's Blender processes, without what only holds their sandbox."""
        def name(pid):
            try:
                return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:
                return ""
        return {pid for pid in descendants(self.farm.services[VICTIM].process.pid) if name(pid) == "blender"}

    def ends_well(self, *jobs, state="completed", seconds=300):
        farm = self.farm
        for job in jobs:
            farm.wait_for_end(job, seconds)
            self.assertEqual(farm.state(job), state, farm.last_words())
        acknowledged = checker.stored_results(farm.folder / "logs")
        found = lambda: checker.check(farm.psql, farm.folder / "blobs", jobs, acknowledged=acknowledged)
        deadline = time.monotonic() + 60
        while found() and time.monotonic() < deadline:
            time.sleep(0.5)
        self.assertEqual(found(), {}, farm.last_words())
        self.assertEqual(farm.psql(OUTLIVED), "")

    def failures(self):
        return self.farm.psql("select error_code from results where outcome <> 'rendered'").splitlines()

    def expired(self):
        return self.farm.psql("select lease, agent, leased_at, expires_at, ended_at from replicas where state = 'expired'").splitlines()


class Broker(FaultTest):
    def test_that_accepts_and_never_answers_is_named_and_its_return_is_noticed(self):
        farm = self.start()
        job = farm.submit(SCENE, "1-12")
        farm.wait_until("two frames", lambda: farm.accepted(job) >= 2, 120)
        farm.services["nats"].signal(signal.SIGSTOP)
        self.says("broker away", "accepts connections but does not answer", seconds=120)
        farm.services[VICTIM].stop(signal.SIGKILL)
        farm.services[VICTIM].start()
        self.says("waiting for the broker", "accepts connections but does not answer")
        farm.services["nats"].signal(signal.SIGCONT)
        self.ends_well(job)
        self.says("idle")

    def test_that_dies_again_and_again_costs_no_frame_and_no_result_counts_twice(self):
        farm = self.start()
        job = farm.submit(SCENE, "1-16")
        for round in range(1, 4):
            farm.wait_until("more frames", lambda: farm.accepted(job) >= 2 * round, 120)
            signal_all([farm.services["nats"].process.pid], signal.SIGKILL)
        self.ends_well(job)
        self.assertGreaterEqual(self.log().count("broker is back"), 1)

    @with_faketime
    def test_whose_certificate_expires_is_named_with_the_remedy_until_it_is_renewed(self):
        issue = self.authority()
        farm = self.start(tls=self.folder / "tls")
        job = farm.submit(SCENE, "1-24")
        farm.wait_until("two frames", lambda: farm.accepted(job) >= 2, 120)
        subprocess.run(["faketime", "-f", "-500d", *issue], check=True, capture_output=True)
        self.restart("nats")
        self.says("broker away", "has expired; its operator must renew it, unless this machine's clock is wrong")
        doctor = self.agent("doctor")
        self.assertEqual(doctor.returncode, 1)
        self.assertIn("has expired", doctor.stdout)
        subprocess.run(issue, check=True, capture_output=True)
        self.restart("nats")
        self.ends_well(job)
        self.assertEqual(self.failures(), [])
        self.says("idle")

    def authority(self, folder="tls"):
        """The command that makes a server's certificate in this folder anew; it ran once."""
        issue = [ROOT / "tools/make_ca.sh", self.folder / folder]
        subprocess.run(issue, check=True, capture_output=True)
        return issue

    @with_faketime
    def test_is_well_and_the_gateways_certificate_expires_then_nothing_is_lost_or_failed(self):
        self.authority()
        shutil.copytree(self.folder / "tls", self.folder / "gateway")  # the same authority; the broker reads its own files now and then
        issue = self.authority("gateway")
        gateway = {"certificate_file": f"{self.folder}/gateway/server.pem", "key_file": f"{self.folder}/gateway/server.key"}
        farm = self.start(tls=self.folder / "tls", dispatcher={"http": gateway})
        job = farm.submit(LONG_SCENE, "1-3")
        self.wait_for_work()
        subprocess.run(["faketime", "-f", "-500d", *issue], check=True, capture_output=True)
        self.restart(*farm.dispatchers)
        self.says("paused", "has expired; its operator must renew it")
        subprocess.run(issue, check=True, capture_output=True)
        self.restart(*farm.dispatchers)
        self.ends_well(job)
        self.assertEqual(self.failures(), [], "a frame is not to blame for a certificate")

class Line(FaultTest):
    def test_that_loses_a_third_of_its_packets_and_has_300_ms_costs_time_only(self):
        network = self.network()
        farm = self.start(network, dispatcher=LASTING)
        self.says("idle")
        network.lengthen(VICTIM, 150, 0.3)
        # 30 % of a megabyte again and again would take this line minutes.
        job = farm.submit(self.make_scene("small.blend", "bpy.data.batch_remove(list(bpy.data.brushes))"), "1-3")
        self.ends_well(job, seconds=600)
        self.assertEqual(self.failures(), [])
        self.assertEqual(self.expired(), [])

    def test_without_names_is_told_so_until_they_are_back(self):
        network = self.network()
        network.add("names")
        resolver = self.folder / "resolv.conf"
        resolver.write_text(f"nameserver {network.addresses['names']}\n")
        by_name = ["sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver]
        farm = self.start(network, start=False, wrap={VICTIM: by_name, "agent-2": by_name})
        farm.settings["agent"] = {"nats": {"url": f"nats://broker.farm.test:{farm.port('nats')}"}}
        farm.add_service("names", [*farm.on_host("names"), "python3", ROOT / "tests/chaos/name_server.py", network.addresses["names"],
                                   network.addresses["nats"]])
        farm.start()
        self.says("idle")
        job = farm.submit(SCENE, "1-12")
        farm.wait_until("two frames", lambda: farm.accepted(job) >= 2, 120)
        farm.services["names"].signal(signal.SIGSTOP)
        signal_all([farm.services["nats"].process.pid], signal.SIGKILL)  # who reconnects asks for the address
        remedy = ("cannot find", "broker.farm.test", "name servers in /etc/resolv.conf")
        self.says("broker away", *remedy)
        self.assertIn(remedy[2], self.agent("doctor").stdout)
        farm.services[VICTIM].stop(signal.SIGKILL)
        farm.services[VICTIM].start()
        self.says("waiting for the broker", *remedy)
        farm.services["names"].signal(signal.SIGCONT)
        self.ends_well(job)
        self.assertEqual(self.failures(), [])


class Machine(FaultTest):
    def test_whose_disk_fills_in_the_middle_of_a_unit_takes_no_work_and_says_why(self):
        disk = self.folder / f"farm/{VICTIM}"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0755", "ws-fault", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk])
        farm = self.start(agent={"limits": {"free_bytes": 16 << 20}, "work": {"grace_seconds": 1}})
        job = farm.submit(LONG_SCENE, "1-3")
        self.wait_for_work()
        filler = disk / "filler"
        subprocess.run(["fallocate", "-l", str(shutil.disk_usage(disk).free), filler], check=True)
        self.says("paused", "MiB are free in", "free some space, or lower limits.free_bytes")
        self.assertIn("free some space", self.agent("doctor").stdout)
        filler.unlink()
        self.ends_well(job)
        self.assertEqual(self.failures(), [], "a frame is not to blame for a full disk")

    @with_faketime
    def test_whose_clock_jumps_goes_on_and_doctor_says_it(self):
        clocks = Clocks(self.folder / "clocks")
        self.addCleanup(clocks.close)
        farm = self.start(start=False, wrap={VICTIM: clocks.wrap(VICTIM)}, dispatcher=LASTING)
        farm.settings["agent"] = {"farm": {"server": farm.web_url(farm.dispatchers[0])}}
        farm.start()
        job = farm.submit(LONG_SCENE, "1-4")
        for days in (3, -3):
            self.wait_for_work()
            before = farm.accepted(job)
            clocks.set(VICTIM, days * 86400)
            farm.wait_until("a frame after the jump", lambda: farm.accepted(job) > before, 300)
            said = self.agent("doctor").stdout
            self.assertIn("s ahead of the server's" if days > 0 else "s behind the server's", said)
            self.assertIn("set the clock", said)
        self.ends_well(job)
        self.assertEqual(self.failures(), [])
        self.assertEqual(self.expired(), [])

    def test_that_loses_its_power_goes_on_with_the_lease_that_it_had(self):
        farm = self.start(dispatcher=LASTING)
        job = farm.submit(LONG_SCENE, "1-3")
        self.wait_for_work()
        held = farm.psql("select lease from replicas where state = 'leased' and owner = 'volunteer-1'")
        scene = next((farm.folder / VICTIM / "scenes").glob("*.blend"))
        everything = descendants(farm.services[VICTIM].process.pid)
        self.assertGreater(len(everything), 1)
        signal_all(everything, signal.SIGKILL)
        with open(scene, "r+b") as file:  # what the kernel had not written yet
            file.truncate(scene.stat().st_size // 2)
        self.ends_well(job)
        self.assertEqual(self.failures(), [])
        self.assertEqual(farm.psql(f"select outcome from results where lease = '{held}'"), "rendered")
        self.assertEqual(self.expired(), [])


class Blender(FaultTest):
    def test_that_segfaults_in_the_middle_of_a_unit_is_started_again(self):
        farm = self.start(dispatcher=LASTING)
        job = farm.submit(LONG_SCENE, "1-3")
        self.wait_for_work()
        signal_all(self.blenders(), signal.SIGSEGV)
        farm.wait_until("a word of the crash", lambda: "blender crashed, trying once more" in self.log(), 60)
        self.assertIn("Segmentation fault", self.log())
        self.ends_well(job)
        self.assertEqual(self.failures(), [])
        self.assertEqual(self.expired(), [])

    def test_that_segfaults_whatever_is_done_is_reported_and_the_next_unit_renders(self):
        farm = self.start()
        # Their self-tests are over: what is killed renders a unit.
        farm.wait_until("both agents", lambda: farm.psql("select count(*) from agents where online") == "2", 120)
        job = farm.submit(LONG_SCENE, "1-1", "--max-replicas", "2")
        killed = set()
        for _ in range(2):
            farm.wait_until("another Blender", lambda: self.blenders() - killed, 120, 0.1)
            killed |= self.blenders()
            signal_all(killed, signal.SIGSEGV)
        farm.wait_for_end(job, 300)
        self.assertEqual(self.failures(), ["crash"])
        self.assertIn("Segmentation fault", farm.psql("select error from results where outcome <> 'rendered'"))
        self.ends_well(farm.submit(SCENE, "1-2"))

    def test_without_enough_memory_says_which_limit_and_the_next_scene_renders(self):
        farm = self.start(agent={"limits": {"memory_bytes": 1500 << 20}, "sandbox": {"mode": "required"}})
        bomb = self.make_scene("bomb.blend", "bpy.ops.mesh.primitive_monkey_add()",
                               "bpy.context.object.modifiers.new('Subdivision', 'SUBSURF').render_levels = 8")
        job = farm.submit(bomb, "1-1", "--max-replicas", "2")
        farm.wait_for_end(job, 300)
        self.assertEqual(farm.state(job), "failed")
        self.assertEqual(set(self.failures()), {"out_of_memory"})
        self.assertIn("limits.memory_bytes", farm.psql("select error from results limit 1"))
        self.ends_well(farm.submit(SCENE, "1-2"))


if __name__ == "__main__":
    unittest.main()
