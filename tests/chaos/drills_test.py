"""Drills: what docs/operations.md promises after a loss, done for real. drills_test.py BINARIES SCENE.blend"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import checker
from database import DATABASE, USER
from farm import ROOT, Farm

BINARIES = sys.argv.pop(1)
SCENE = pathlib.Path(sys.argv.pop(1)).resolve()
FRAMES = 24
BACKUP = ROOT / "deploy/services/worldshare-backup"


class FarmTest(unittest.TestCase):
    DISPATCHERS = VERIFIERS = 1
    FIRST = BINARIES

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-drill-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.farm = Farm(self.FIRST, self.folder / "farm", dispatchers=self.DISPATCHERS, verifiers=self.VERIFIERS)
        self.addCleanup(self.farm.close)
        self.farm.start()

    def wait_for_frames(self, job, count):
        self.farm.wait_until(f"{count} accepted frames", lambda: self.farm.accepted(job) >= count, 240)

    def fetch(self, job):
        """{frame: file} of what the artist can have now."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        self.farm.cli("fetch", job, "--frames", f"1-{FRAMES}", "-o", folder, check=False)
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}

    def lose(self, *names):
        """kill -9, and not started again."""
        for name in names:
            self.farm.services[name].stop(signal.SIGKILL)

    def all_is_verified(self, job):
        self.farm.wait_for_end(job, 400)
        self.assertEqual(self.farm.state(job), "completed", self.farm.last_words())
        frames = self.fetch(job)
        self.assertEqual(len(frames), FRAMES)
        self.farm.wait_until("rest", lambda: not checker.check(self.farm.psql, self.farm.folder / "blobs", [job]), 60)
        return frames

    def backup(self, *arguments):
        environment = {**os.environ, "PGHOST": self.farm.address("postgres"), "PGPORT": str(self.farm.port("postgres")), "PGUSER": USER,
                       "PGDATABASE": DATABASE}
        return subprocess.run([BACKUP, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=120)


class Drill(FarmTest):
    def units_that_can_be_judged(self):
        """How many open units have two results in the broker, by what agents were told."""
        leases = ", ".join(f"'{lease}'" for lease in checker.stored_results(self.farm.folder / "logs")) or "''"
        return int(self.farm.psql(f"""select count(*) from (select p.unit from replicas p join units u on u.id = p.unit
            where u.state = 'open' and p.lease in ({leases}) group by p.unit having count(*) >= 2) q"""))

    def lose_dispatchers_with_a_verdict_unheard(self):
        """The verifiers stand still until they have something to accept, and go on when nobody is there to hear it."""
        farm = self.farm
        for name in farm.verifiers:
            farm.services[name].signal(signal.SIGSTOP)
        farm.wait_until("results that nobody judges", lambda: self.units_that_can_be_judged() > 0, 120)
        self.lose(*farm.dispatchers)
        for name in farm.verifiers:
            farm.services[name].signal(signal.SIGCONT)
        unheard = "select count(*) from verdicts v join units u on u.id = v.unit where v.decision = 'accepted' and u.state = 'open'"
        farm.wait_until("a verdict that nobody hears", lambda: int(farm.psql(unheard)) > 0, 120)

    def test_the_brokers_disk_is_lost_and_everything_is_rebuilt_from_the_rows(self):
        farm = self.farm
        job = farm.submit(SCENE, f"1-{FRAMES}")
        self.wait_for_frames(job, 6)
        before = self.fetch(job)
        # With verdicts under way that nobody has handled, which are lost too.
        self.lose_dispatchers_with_a_verdict_unheard()
        self.lose("nats")
        shutil.rmtree(farm.folder / "nats/jetstream")
        (farm.folder / "nats/agents.conf").unlink()
        farm.start_nats()
        farm.provision()
        for name in farm.dispatchers:
            farm.services[name].start()
        after = self.all_is_verified(job)
        for name, content in before.items():
            self.assertEqual(after[name], content)

    def test_last_nights_backup_is_restored_after_everything_was_lost(self):
        farm = self.farm
        job = farm.submit(SCENE, f"1-{FRAMES}")
        self.wait_for_frames(job, 6)
        target = self.folder / "backup"
        saved = self.backup("save", "--blobs", farm.folder / "blobs", target)
        self.assertEqual(saved.returncode, 0, saved.stdout + saved.stderr)
        before = farm.accepted(job)
        self.wait_for_frames(job, before + 4)  # the day goes on, and will be lost

        servers = [*farm.dispatchers, *farm.verifiers, "nats", "postgres"]
        self.lose(*servers)  # the agents run on and know of nothing
        for part in ("postgres", "blobs", "nats"):
            shutil.rmtree(farm.folder / part)
            (farm.folder / part).mkdir()
        farm.start_servers()
        self.assertEqual(farm.psql("select count(*) from pg_tables where schemaname = 'public'"), "0")
        restored = self.backup("restore", "--blobs", farm.folder / "blobs", target)
        self.assertEqual(restored.returncode, 0, restored.stdout + restored.stderr)
        self.assertGreaterEqual(farm.accepted(job), 6)
        self.assertLess(farm.accepted(job), before + 4)
        farm.provision()
        for name in [*farm.dispatchers, *farm.verifiers]:
            farm.services[name].start()
        self.all_is_verified(job)


@unittest.skipUnless(os.environ.get("WS_OLD_BINARIES"), "WS_OLD_BINARIES names no folder with the programs of the version before")
class Upgrade(FarmTest):
    DISPATCHERS = VERIFIERS = 2
    FIRST = os.environ.get("WS_OLD_BINARIES")

    def test_programs_are_replaced_one_by_one_while_a_job_is_rendered(self):
        farm = self.farm
        job = farm.submit(SCENE, f"1-{FRAMES}")
        self.wait_for_frames(job, 2)
        farm.binaries = pathlib.Path(BINARIES).resolve()
        farm.provision()  # the old ones run on with the new tables
        for name in [*farm.dispatchers, *farm.verifiers, *farm.agents]:
            before = farm.accepted(job)
            farm.start_service(name)
            self.wait_for_frames(job, min(before + 1, FRAMES))
        self.all_is_verified(job)


class Backup(FarmTest):
    def saved(self):
        target = self.folder / "backup"
        job = self.farm.submit(SCENE, "1-2")
        self.farm.wait_for_end(job, 240)
        said = self.backup("save", "--blobs", self.farm.folder / "blobs", target)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(self.backup("check", target).returncode, 0)
        return target

    def test_a_damaged_backup_is_found_and_a_used_database_refused(self):
        target = self.saved()
        refused = self.backup("restore", "--blobs", self.folder / "elsewhere", target)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("give it an empty one", refused.stderr)

        blob = next(path for path in (target / "blobs").glob("??/*") if path.is_file())
        good = blob.read_bytes()
        blob.write_bytes(good[:-1])
        self.assertIn(blob.name, self.backup("check", target).stderr)
        blob.write_bytes(good)
        dump = next(target.glob("*.dump"))
        dump.write_bytes(dump.read_bytes()[:-1])
        self.assertIn("is damaged", self.backup("check", target).stderr)

    def test_old_dumps_go_and_a_half_one_is_never_taken_for_a_backup(self):
        target = self.saved()
        for day in range(1, 5):
            for end in ("dump", "sha256"):
                (target / f"2020010{day}T000000Z.{end}").write_text("old")
        (target / ".part-20200109T000000Z").write_text("half")
        self.assertEqual(self.backup("save", "--keep", "3", target).returncode, 0)
        self.assertEqual(len(list(target.glob("*.dump"))), 3)
        self.assertEqual(len(list(target.glob("*.sha256"))), 3)
        self.assertFalse(list(target.glob(".part-*")))
        self.assertIn("is good", self.backup("check", target).stdout)


if __name__ == "__main__":
    unittest.main()
