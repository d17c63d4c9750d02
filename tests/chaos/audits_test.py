"""Audits with real renders: audits_test.py BINARIES SCENE.blend [CASE..]

A farm under the policy `standard` that audits this scene's frames, which are too short for it otherwise (trust.audit_cost), however
few owners there are (trust.audit_owners). A frame is
accepted with one render and its audits and is what a local Blender writes; who tampers is caught; processes that die in between cost
time only; a scene that cannot be audited is replicated. In the end the rows keep the invariants (checker.py)."""

import json
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import zlib

import checker
from processes import descendants, signal_all
from farm import Farm

BINARIES = sys.argv.pop(1)
SCENE = pathlib.Path(sys.argv.pop(1)).resolve()
TILES = 64  # fewer than the 256 of production: two processors render for all


def pixels(path):
    """Head and filtered rows of a PNG: what is left of it without its metadata."""
    data, place, head, packed = path.read_bytes(), 8, b"", b""
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + size]
        head += body if kind == b"IHDR" else b""
        packed += body if kind == b"IDAT" else b""
        place += size + 12
    return head, zlib.decompress(packed)


class AuditFarm(Farm):
    """Every owner has one agent; one of them may cheat."""
    cheater = ""

    def agent_config(self, name):
        path = super().agent_config(name)
        if name == self.cheater:
            path.write_text(json.dumps({**json.loads(path.read_text()), "laboratory": {"tamper": "brighten_region"}}))
        return path


class AuditsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-audits-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)

    def start(self, agents, cheater="", policy="standard", lease=None):
        self.farm = AuditFarm(BINARIES, self.folder / "farm", agents=agents, settings={
            "verifier": {"trust": {"policy": policy, "audit_cost": 0.05, "audit_tiles": TILES, "audit_owners": 0}},
            "dispatcher": {"lease": {"initial_seconds": 60, "extend_seconds": 30, "report_grace_seconds": 30, "sibling_hold_seconds": 0,
                                     "pair_after_commit": True, "max_expiries": 1000, "poison_owners": 1000, **(lease or {})}}})
        self.farm.cheater = cheater
        self.addCleanup(self.farm.close)
        self.farm.start()
        return self.farm

    def count(self, query):
        return int(self.farm.psql(f"select count(*) from {query}"))

    def ends_well(self, job, seconds=600):
        farm = self.farm
        farm.wait_for_end(job, seconds)
        self.assertEqual(farm.state(job), "completed", farm.last_words())
        found = lambda: checker.check(farm.psql, farm.folder / "blobs", [job], acknowledged=checker.stored_results(farm.folder / "logs"))
        deadline = time.monotonic() + 60
        while found() and time.monotonic() < deadline:
            time.sleep(0.5)
        self.assertEqual(found(), {}, farm.last_words())

    def fetched(self, job, frames):
        out = self.folder / f"frames-{job}"
        self.farm.cli("fetch", job, "--frames", f"{frames[0]}-{frames[-1]}", "--output", out)
        return {int(re.search(r"(\d+)$", path.stem)[1]): pixels(path) for path in out.glob("*.png")}

    def rendered_here(self, scene, frames):
        local = self.folder / "local"
        for frame in frames:
            subprocess.run(["blender", "-b", "--factory-startup", "-noaudio", scene, "-t", "1", "-o", local / "frame_####", "-F", "PNG", "-f", str(frame)],
                           check=True, capture_output=True)
        return {frame: pixels(local / f"frame_{frame:04}.png") for frame in frames}

    def assert_as_rendered_here(self, job, scene, frames):
        self.assertEqual(self.fetched(job, frames), self.rendered_here(scene, frames))

    def assert_nearly_as_rendered_here(self, job, scene, frames):
        """Blender's own comparison: halves merge to within the last bits of floats, and so a level here and there."""
        out, local = self.folder / f"frames-{job}", self.folder / "local"
        self.assertEqual(sorted(self.fetched(job, frames)), sorted(self.rendered_here(scene, frames)))
        for frame in frames:
            got = next(path for path in out.glob("*.png") if int(re.search(r"(\d+)$", path.stem)[1]) == frame)
            text = ("import bpy; a, b = (list(bpy.data.images.load(p).pixels) for p in %r); "
                    "print('UNLIKE', sum(abs(x - y) > 1.5 / 255 for x, y in zip(a, b)), len(a) == len(b))" % ([str(got), str(local / f"frame_{frame:04}.png")],))
            said = subprocess.run(["blender", "-b", "--factory-startup", "-noaudio", "--python-expr", text], check=True, capture_output=True, text=True).stdout
            self.assertIn("UNLIKE 0 True", said, f"frame {frame}")

    def metrics(self):
        token = (self.farm.folder / "keys/api-token").read_text().strip()
        request = urllib.request.Request(self.farm.web_url("dispatcher-1") + "/metrics", headers={"Authorization": "Bearer " + token})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def verdict_of(self, unit):
        return self.farm.cli("verdict", unit).stdout

    def agent_of(self, key):
        return next(name for name in self.farm.agents if self.farm.key(name)[1] == key)

    def test_one_render_and_its_audits_make_the_frame_of_a_local_render(self):
        farm = self.start(agents=4)
        job = farm.submit(SCENE, "1-2")
        self.ends_well(job)
        self.assertEqual(self.count("results where audit is null and outcome = 'rendered'"), 2, "each frame was rendered once")
        self.assertEqual(self.count("audits where state = 'passed'"), self.count("audits"), farm.psql("select state, finding from audits"))
        self.assertGreaterEqual(self.count("audits"), 4)
        self.assertEqual(self.count("audits where differing > 0 or wrong_tiles > 0"), 0)
        self.assertEqual(self.count("credit"), 2 + self.count("audits"))
        self.assert_as_rendered_here(job, SCENE, [1, 2])
        said = self.verdict_of(farm.psql("select min(id) from units"))
        for words in ("rendered by volunteer-", ", audited by volunteer-", "nothing was found", "decided by the policy standard, by audits: an audit costs"):
            self.assertIn(words, said)

    def test_parts_of_a_frame_are_audited_and_make_the_frame_of_a_local_render(self):
        farm = self.start(agents=4)
        job = farm.submit(SCENE, "1-1", "--divide", "tiles", "--frame-seconds", "240", "--unit-seconds", "60")
        self.ends_well(job)
        parts = self.count("units where shard <> ''")
        self.assertGreaterEqual(parts, 4)
        self.assertEqual(self.count("results where audit is null and outcome = 'rendered'"), parts, "each part was rendered once")
        self.assertGreaterEqual(self.count("audits where state = 'passed'"), 2 * parts)
        self.assertEqual(self.count("audits where state not in ('passed', 'dropped')"), 0, farm.psql("select state, finding from audits"))
        self.assert_as_rendered_here(job, SCENE, [1])
        self.assertIn("by audits: an audit costs 0.05 of a part", self.verdict_of(farm.psql("select min(id) from units")))

    def test_two_halves_of_the_samples_verify_each_other_and_make_the_frame(self):
        scene = self.folder / "finer.blend"
        text = f"import bpy; c = bpy.context.scene.cycles; c.samples, c.use_adaptive_sampling = 64, False; bpy.ops.wm.save_as_mainfile(filepath='{scene}')"
        subprocess.run(["blender", "-b", "--factory-startup", "-noaudio", SCENE, "--python-exit-code", "3", "--python-expr", text], check=True, capture_output=True)
        farm = self.start(agents=11, policy="strict", lease={"split_samples": True})
        farm.cli("trust", "appoint", "volunteer-11", "--operator", "ada", "--reason", "the studio's own")
        farm.wait_until("trusted hardware", lambda: "worldshare_trusted_owners 1" in self.metrics(), 60)
        job = farm.submit(scene, "1-2", "--frame-seconds", "200")
        self.ends_well(job)
        self.assertEqual(self.count("units where split"), 2, farm.last_words())
        self.assertEqual(farm.psql("select unit, count(distinct owner), min(half), max(half) from results join replicas using (lease, unit, owner) "
                                   "where results.audit is null group by unit order by unit").splitlines(), ["1|2|0|1", "2|2|0|1"])
        self.assertEqual(self.count("comparisons where method = 'halves' and agree"), 2)
        self.assertGreaterEqual(self.count("audits where state = 'passed'"), 8)
        self.assertEqual(self.count("audits where state not in ('passed', 'dropped')"), 0, farm.psql("select state, finding from audits"))
        self.assertEqual(self.count("merges"), 4)
        self.assert_nearly_as_rendered_here(job, scene, [1, 2])
        self.assertIn("by halves and trusted hardware", self.verdict_of(farm.psql("select min(id) from units")))

    def test_who_tampers_is_caught_and_another_renders_its_frame(self):
        cheater = "agent-8"
        farm = self.start(agents=8, cheater=cheater)
        honest = [name for name in farm.agents if name != cheater]
        for name in honest:
            farm.services[name].stop()
        job = farm.submit(SCENE, "1-1")
        farm.wait_until("the cheater's picture", lambda: self.count("results") == 1, 180)
        farm.services[cheater].stop()  # it must not audit
        for name in honest:
            farm.services[name].start()
        self.ends_well(job)
        self.assert_as_rendered_here(job, SCENE, [1])
        self.assertEqual(farm.psql("select judged from results where owner = 'volunteer-8'"), "rejected")
        self.assertGreaterEqual(self.count("audits a join results t on t.lease = a.target where t.owner = 'volunteer-8' and a.state = 'failed'"), 2)
        self.assertEqual(self.count("audits a join results t on t.lease = a.target where t.owner = 'volunteer-8' and a.state = 'passed'"), 0)
        self.assertEqual(self.count("credit where owner = 'volunteer-8'"), 0)
        self.assertEqual(farm.psql("select bad > 0.8 from trust where owner = 'volunteer-8'"), "t")
        self.assertEqual(self.count("trust where owner <> 'volunteer-8' and bad > 0"), 0, "nobody else is blamed")
        self.assertEqual(self.count("results r where r.audit is not null and r.outcome = 'rendered' and not exists (select from credit c where c.lease = r.lease)"), 0)

    def test_an_auditor_and_a_verifier_that_die_in_between_cost_time_only(self):
        farm = self.start(agents=5)
        job = farm.submit(SCENE, "1-3")
        leased = "select agent from replicas where audit is not null and state = 'leased' limit 1"
        farm.wait_until("an audit in work", lambda: farm.psql(leased), 180, 0.05)
        victim = self.agent_of(farm.psql(leased))
        process = farm.services[victim].process.pid
        signal_all([*descendants(process), process], signal.SIGKILL)
        farm.services[victim].stop(signal.SIGKILL)
        farm.wait_until("an answered audit", lambda: self.count("audits where state = 'passed'") > 0, 180)
        farm.services["verifier-1"].signal(signal.SIGKILL)
        farm.services["dispatcher-1"].signal(signal.SIGKILL)
        farm.services[victim].start()
        self.ends_well(job)
        self.assertEqual(self.count("results where audit is null and outcome = 'rendered'"), 3)
        self.assertEqual(self.count("audits where state not in ('passed', 'dropped')"), 0)
        self.assertGreaterEqual(farm.services["verifier-1"].starts, 2)

    def test_a_scene_that_cannot_be_audited_is_replicated_and_says_why(self):
        blurred = self.folder / "blurred.blend"
        text = ("import bpy; s = bpy.context.scene; s.use_nodes = True; t = s.node_tree; b = t.nodes.new('CompositorNodeBlur'); b.size_x = b.size_y = 2; "
                "r = next(n for n in t.nodes if n.bl_idname == 'CompositorNodeRLayers'); c = next(n for n in t.nodes if n.bl_idname == 'CompositorNodeComposite'); "
                f"t.links.new(r.outputs['Image'], b.inputs['Image']); t.links.new(b.outputs['Image'], c.inputs['Image']); bpy.ops.wm.save_as_mainfile(filepath='{blurred}')")
        subprocess.run(["blender", "-b", "--factory-startup", "-noaudio", SCENE, "--python-exit-code", "3", "--python-expr", text], check=True, capture_output=True)
        farm = self.start(agents=4)  # who could not audit a frame renders it: nobody else is there
        job = farm.submit(blurred, "1-2")
        self.ends_well(job)
        self.assertIn("node Blur", farm.psql("select unauditable from job_checks"))
        self.assertEqual(farm.psql("select chosen from job_checks"), "replicas")
        self.assertEqual(self.count("audits where state in ('passed', 'failed')"), 0)
        self.assertGreaterEqual(self.count("results where audit is null and judged = 'agreed'"), 2 * 3)
        # Three auditors may have tried before the first of them was heard.
        self.assertRegex(self.verdict_of(farm.psql("select max(id) from units")),
                         "by whole replicas: (it cannot be audited|3 auditors could not tell)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
