"""Trusted hardware on the real pipeline: trusted_hardware_test.py BINARIES

Dispatcher, verifier, broker and database, sixteen volunteers of the swarm, of whom some cheat in most of their units and lie in
audits as well, and one machine whose owner an operator appoints. It proves faults, dismisses false alarms, renders what stays in
dispute, and does nothing else; when it has left, the volunteers decide without it."""

import json
import os
import sys
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(FOLDER, "..", "..", ".."))
for folder in ("economy", "support"):
    sys.path.insert(0, os.path.join(ROOT, "tests", "bench", folder))
import farm as farms  # noqa: E402
from swarm_pictures import honest_picture  # noqa: E402

BINARIES = os.path.abspath(sys.argv.pop(1))
VOLUNTEERS = 16
MACHINE = "swarm-%d" % (VOLUNTEERS + 1)
UNITS = 60


class TrustedHardwareTest(unittest.TestCase):
    def setUp(self):
        self.farm = farm = farms.Farm(ROOT, BINARIES, VOLUNTEERS + 1)
        self.addCleanup(farm.close)
        farm.pair_after_commit = True
        farm.more_lease = ", audit_patience_seconds: 0.5"
        farm.more_trust = ", audit_cost: 0.05, audit_tiles: 16"
        farm.provision()
        _, self.url = farm.start_dispatcher()
        farm.start_verifier(1, "standard")

    def order(self, action):
        body = json.dumps({"action": action, "operator": "ada", "reason": "the studio's own machine"}).encode()
        answer = self.farm.fetch("%s/v1/trust/%s/overrule" % (self.url, MACHINE), body, "POST", {"Content-Type": "application/json"})
        self.assertEqual(answer[0], 200, answer)
        known = "worldshare_trusted_owners %d" % (action == "appoint")
        farms.wait_until("the operator's order", lambda: known in self.farm.fetch(self.url + "/metrics")[1].decode())

    def count(self, sql):
        return int(self.farm.sql(sql) or 0)

    def render(self, agents, cheaters, policy=None):
        """A job that these agents render, of whom the first ones cheat; every frame is the right one."""
        farm = self.farm
        farm.agents = agents
        swarm = farm.start_swarm("swarm", "--latency", "fixed:0.01", "--tamper", (cheaters + 0.5) / agents, "--tamper-share", 0.8,
                                 same_picture=False)
        job = farm.submit(self.url, 1, UNITS, policy=policy or {"replicas": 2, "max_replicas": 12}, sharding={"samples": 32})
        farms.wait_until("the end of the job", lambda: farm.sql("select state from jobs where id = '%s'" % job) in
                         ("completed", "failed"))
        farm.end_swarm("swarm", swarm)
        outputs = [line.split() for line in farm.sql("select frame, artifact from outputs where job = '%s'" % job).splitlines()]
        self.assertEqual(len(outputs), UNITS, farm.sql("select frame, reason from units where state = 'failed'"))
        self.assertEqual([frame for frame, artifact in outputs if artifact != honest_picture(int(frame))], [])
        self.assertEqual(farm.sql("select coalesce(sum(amount_ms), 0) from ledger"), "0")
        return job

    def test_it_settles_what_volunteers_cannot(self):
        self.order("appoint")
        self.render(VOLUNTEERS + 1, 2)
        proved = self.farm.sql("select distinct owner from trust_events where reason like 'audits on trusted hardware%'").split()
        self.assertTrue(proved)
        self.assertLessEqual(set(proved), {"swarm-1", "swarm-2"})
        self.assertGreater(self.count("select count(*) from audits where trusted and state = 'failed'"), 0, "faults are proved")
        self.assertGreater(self.count("select count(*) from audits where trusted and state = 'passed'"), 0, "slander is dismissed")
        self.assertEqual(self.farm.sql("select owner from trust where state <> 'active' and owner not in ('swarm-1', 'swarm-2')"), "")

        self.render(VOLUNTEERS + 1, 3, {"replicas": 3, "max_replicas": 3})
        self.assertGreater(self.count("select count(*) from audits where tiles = 0 and state = 'passed'"), 0, "disputes are rendered")
        self.assertEqual(self.count("select count(*) from replicas where owner = '%s' and not trusted" % MACHINE), 0)
        self.assertEqual(self.count("select count(*) from replicas where owner <> '%s' and trusted" % MACHINE), 0)

        waited = "select count(*) from audits where trusted and state = 'dropped'"
        before = self.count(waited)
        self.render(VOLUNTEERS, 4)
        self.assertGreater(self.count(waited), before, "it was asked after it had left, and not waited for")

        self.order("relieve")
        before = self.count("select count(*) from audits where trusted")
        self.render(VOLUNTEERS + 1, 5)
        self.assertEqual(self.count("select count(*) from audits where trusted"), before)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
