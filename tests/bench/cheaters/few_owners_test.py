"""The policy `standard` in a farm that grows from two owners to eight: few_owners_test.py BINARIES

Dispatcher, verifier, broker and database, and agents of the swarm, who answer audits rightly. With fewer than four owners equal
results decide, with fewer than eight whole replicas, then audits; and where of eight connected owners six may not audit, their
replicas do. No frame waits for an owner who is not there, and nobody has two opinions of one unit."""

import contextlib
import os
import sys
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(FOLDER, "..", "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "bench", "economy"))
import farm as farms  # noqa: E402

BINARIES = os.path.abspath(sys.argv.pop(1))
UNITS = 3


class FewOwnersTest(unittest.TestCase):
    def setUp(self):
        self.farm = farm = farms.Farm(ROOT, BINARIES, 8)
        self.addCleanup(farm.close)
        farm.pair_after_commit = True
        farm.more_lease = ", audit_patience_seconds: 0.5"
        farm.more_trust = ", audit_cost: 0.05, audit_tiles: 16"
        farm.provision()
        self.dispatcher, self.url = farm.start_dispatcher()
        farm.start_verifier(1, "standard")

    @contextlib.contextmanager
    def connected(self, owners):
        self.farm.agents = owners
        swarm = self.farm.start_swarm("swarm", "--latency", "fixed:0.01", same_picture=False)
        yield
        self.farm.end_swarm("swarm", swarm)

    def render(self):
        """How the frames of a new job were decided, when it is completed."""
        farm = self.farm
        job = farm.submit(self.url, 1, UNITS, policy={"replicas": 2, "max_replicas": 8}, sharding={"samples": 32})
        farms.wait_until("the end of the job", lambda: farm.sql("select state from jobs where id = '%s'" % job) == "completed")
        self.assertEqual(farm.sql("select count(*) from outputs where job = '%s'" % job), str(UNITS))
        self.assertEqual(farm.sql("select unit, owner from replicas where state in ('leased', 'reported') group by unit, owner "
                                  "having count(*) > 1"), "")
        self.renders = int(farm.sql("select count(*) from results r join units u on u.id = r.unit where u.job = '%s' and "
                                    "r.audit is null and r.outcome = 'rendered'" % job))
        self.reasons = farm.sql("select distinct v.reason from verdicts v join units u on u.id = v.unit where "
                                "v.decision = 'accepted' and u.job = '%s'" % job)
        return farm.sql("select distinct v.policy from verdicts v join units u on u.id = v.unit where v.decision = 'accepted' "
                        "and u.job = '%s'" % job)

    def doubt(self, owners):
        """As if the trust engine believed that these cheat, which a dispatcher hears when it starts."""
        self.dispatcher.terminate()
        self.dispatcher.wait()
        self.farm.sql("insert into trust (owner, malice) select id, 0.3 from owners where id in (%s) on conflict (owner) do update "
                      "set malice = 0.3, updated_at = clock_timestamp()" % ", ".join("'swarm-%d'" % owner for owner in owners))
        self.dispatcher, self.url = self.farm.start_dispatcher("dispatcher-2")

    def test_frames_are_accepted_however_few_owners_there_are(self):
        with self.connected(2):
            self.assertEqual(self.render(), "standard, by equal results: only 2 owners are connected")
        with self.connected(3):
            self.assertEqual(self.render(), "standard, by equal results: only 3 owners are connected")
            self.assertEqual(self.reasons, "2 renderings agree")
        with self.connected(4):
            self.assertEqual(self.render(), "standard, by whole replicas: only 4 owners are connected, and audits want 8")
        with self.connected(8):
            self.assertIn("standard, by audits: an audit costs 0.05 of a frame", self.render())
            self.assertLess(self.renders, 2 * UNITS)
        self.doubt(range(1, 7))
        with self.connected(8):
            self.assertIn("standard, by whole replicas: nobody who was connected could audit it", self.render())
        self.assertEqual(self.farm.sql("select coalesce(sum(amount_ms), 0) from ledger"), "0")


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
