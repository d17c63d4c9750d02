"""A farm whose blobs lie in an object store, which is killed while frames are rendered. object_store_test.py BINARIES SCENE.blend"""

import hashlib
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from farm import ROOT, Farm, free_port

BINARIES = sys.argv.pop(1)
SCENE = pathlib.Path(sys.argv.pop(1)).resolve()
FRAMES = 8
BUCKET, KEY, SECRET = "blobs", "AKIDOFTHEFARM", "secret/of+the=farm"


class ObjectStoreTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-s3-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)
        subprocess.run([ROOT / "tests/s3/install.sh"], check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        credentials = self.folder / "s3.yaml"
        credentials.touch(0o600)
        credentials.write_text(f"access_key: {KEY}\nsecret_key: {SECRET}\n")
        self.objects = self.folder / "objects"
        store = {"endpoint": f"http://127.0.0.1:{port}", "bucket": BUCKET, "credentials_file": str(credentials)}
        self.farm = Farm(BINARIES, self.folder / "farm", settings={"s3": store})
        self.addCleanup(self.farm.close)
        self.farm.add_service("s3", ["node", "--openssl-legacy-provider", ROOT / "tests/s3/server.mjs", str(port), self.objects, "", KEY, SECRET])
        self.addCleanup(lambda: self.farm.services["s3"].stop())
        self.farm.start()

    def names(self, part):
        """Of the objects below a prefix, as the server keeps them on its disk."""
        folder = self.objects / BUCKET / part
        return {file.name.split("._")[0] for file in folder.iterdir()} if folder.is_dir() else set()

    def test_a_job_ends_with_verified_frames_though_the_store_was_killed(self):
        farm = self.farm
        job = farm.submit(SCENE, f"1-{FRAMES}")
        farm.wait_until("two accepted frames", lambda: farm.accepted(job) >= 2, 240)
        farm.services["s3"].signal(signal.SIGKILL)  # the farm starts it again
        farm.wait_for_end(job, 400)
        self.assertEqual(farm.state(job), "completed", farm.last_words())
        frames = self.folder / "frames"
        farm.cli("fetch", job, "--frames", f"1-{FRAMES}", "-o", frames)
        fetched = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in frames.iterdir())
        accepted = sorted(farm.psql(f"select artifact from outputs where job = '{job}'").split())
        self.assertEqual(fetched, accepted)
        self.assertEqual(len(accepted), FRAMES)
        self.assertEqual(farm.psql("select count(*) from results where outcome <> 'rendered'"), "0", "nobody was blamed for the store")
        scene = hashlib.sha256(SCENE.read_bytes()).hexdigest()
        # A replica more than was needed may still be on its way.
        named = lambda: {scene, *farm.psql("select distinct artifact from results").split()}
        farm.wait_until("the blobs that results name, and no other", lambda: self.names("blobs") == named(), 60)
        # What was handed in became a blob, but for leases that were given up, and what the verifier's two workers could not remove
        # while the store was away: the collector drops both after eight days.
        left = lambda: self.names("incoming") & set(farm.psql("select lease from results").split())
        farm.wait_until("empty places of leases", lambda: len(left()) <= 2, 60)
        own = {file.name for file in (farm.folder / "blobs/dispatcher-1/copies").iterdir()}
        self.assertEqual(own, {scene}, "agents and the command line went past the gateway")


if __name__ == "__main__":
    unittest.main()
