"""The checker finds each violation that is planted: checker_test.py BINARIES SCENE.blend

One real job; then, for every invariant, a copy of its database in which this one is broken (constraints and triggers taken away)."""

import hashlib
import pathlib
import shutil
import sys
import tempfile
import unittest

import checker
from database import DATABASE
from farm import Farm

BINARIES = sys.argv.pop(1)
SCENE = pathlib.Path(sys.argv.pop(1)).resolve()
FRAMES = 3

# invariant: statements that break it
PLANTED = {
    "accepted_once": ["drop index verdicts_final_once; update verdicts set decision = 'accepted' where decision = 'pending'",
                      "update verdicts set decision = 'pending' where decision = 'accepted'"],
    "verdicts_reached_the_units": ["update units set state = 'failed' where id = (select min(id) from units)"],
    "one_output_a_frame": ["delete from outputs where frame = 1",
                           "alter table outputs drop constraint outputs_job_frame_key;"
                           "update outputs set frame = 2 where frame = 1",
                           "update outputs set unit = -1 where frame = 1"],
    "output_is_what_was_accepted": ["update outputs set artifact = repeat('0', 64) where frame = 1",
                                    "update verdicts set artifact = repeat('0', 64) where decision = 'accepted'"],
    "owners_differ": ["drop index results_one_per_owner; update results set owner = 'volunteer-1'",
                      "drop index replicas_one_per_owner; update replicas set owner = 'volunteer-1'"],
    "credit_once": ["delete from postings where lease = (select min(lease) from postings)",
                    "alter table postings drop constraint postings_pkey; insert into postings select * from postings where lease = (select min(lease) from postings)",
                    "insert into postings select lease, 'reversed', owner, job, 1 - amount_ms from postings",
                    "update results set judged = 'rejected' where lease = (select min(lease) from results)"],
    "every_result_is_judged_once": ["delete from verdicts where decision = 'pending'", "update verdicts set published_at = null"],
    "jobs_are_done_when_their_units_are": ["update jobs set frames_accepted = frames_accepted - 1", "delete from outputs where frame = 2",
                                           "update units set state = 'open' where frame = 1"],
    "nothing_is_leased_for_nothing": ["update jobs set state = 'cancelled'; update replicas set state = 'leased'"],
}


class Checker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-checker-"))
        cls.folder.chmod(0o755)
        cls.farm = Farm(BINARIES, cls.folder / "farm", settings={"postgres": ["-c", "fsync=off"]})
        try:
            cls.farm.start()
            cls.job = cls.farm.submit(SCENE, f"1-{FRAMES}")
            cls.farm.wait_for_end(cls.job, 300)
            cls.farm.wait_until("rest", lambda: not checker.check(cls.farm.psql, cls.farm.folder / "blobs"), 60)
            for name in [*cls.farm.agents, *cls.farm.verifiers, *cls.farm.dispatchers]:
                cls.farm.services[name].stop()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.farm.close()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def outputs(self):
        return [tuple(line.split("|")) for line in self.farm.psql("select job, frame, artifact from outputs order by frame").splitlines()]

    def test_a_farm_that_is_well_has_no_violation(self):
        acknowledged = checker.stored_results(self.farm.folder / "logs")
        self.assertGreaterEqual(len(acknowledged), 2 * FRAMES)
        self.assertEqual(checker.check(self.farm.psql, self.farm.folder / "blobs", [self.job], self.outputs(), acknowledged), {})

    def test_every_planted_violation_is_found(self):
        self.assertEqual(set(PLANTED), set(checker.INVARIANTS))
        for name, plants in PLANTED.items():
            for number, plant in enumerate(plants):
                with self.subTest(invariant=name, plant=plant):
                    copy = f"{name}_{number}"[:60]
                    self.farm.psql(f"create database {copy} template {DATABASE}", database="postgres")
                    psql = lambda query, where=copy: self.farm.psql(query, database=where)
                    psql(f"set session_replication_role = replica; {plant}")
                    self.assertIn(name, checker.rows_that_break(psql))

    def test_what_was_acknowledged_and_is_gone_is_found(self):
        psql = self.farm.psql
        self.assertIn("no_job_is_lost", checker.check(psql, jobs=["gone"]))
        self.assertIn("no_acknowledged_result_is_lost", checker.check(psql, acknowledged=["gone"]))

    def test_a_frame_that_was_not_accepted_is_found(self):
        job, frame, _ = self.outputs()[0]
        wrong = hashlib.sha256(b"another picture").hexdigest()
        self.assertIn("the_artist_got_what_was_accepted", checker.check(self.farm.psql, fetched=[(job, frame, wrong)]))

    def test_a_damaged_blob_is_found(self):
        blobs = self.folder / "blobs"
        shutil.copytree(self.farm.folder / "blobs", blobs)
        self.assertEqual(checker.check(self.farm.psql, blobs), {})
        artifact = self.outputs()[0][2]
        (blobs / artifact[:2] / artifact).write_bytes(b"damaged")
        self.assertEqual(checker.check(self.farm.psql, blobs), {"blobs_are_what_their_names_say": [artifact]})


if __name__ == "__main__":
    unittest.main()
