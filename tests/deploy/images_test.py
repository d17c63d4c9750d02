"""The built images: images_test.py SCENE.blend [TAG]. As root, after deploy/docker/build.sh; exits with 77 where there are none.

Each program starts in its image as the image's user, and the farm of compose.yaml renders with every service in the root file
system of its image and in a network namespace of its own; once with its blobs in a volume, once in an object store. Broker and database
come from Debian's packages and the object store from npm (tests/s3), since the images that the files name for them are in a registry."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

from hosts import Farm, Image, call

ROOT = pathlib.Path(__file__).parents[2]
SCENE = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else None
TAG = sys.argv.pop(1) if len(sys.argv) > 1 else "latest"
FRAMES = 12
PROGRAMS = {"dispatcher": ["worldshare-dispatcher"], "verifier": ["worldshare-verifier", "worldshare-agent"],
            "agent": ["worldshare-agent"], "tools": ["worldshare", "worldshare-agent"]}
SERVERS = "localhost/worldshare-test-servers:with-s3"


def name_of(image):
    return f"localhost/worldshare-{image}:{TAG}"


def is_here(name):
    return subprocess.run(["buildah", "inspect", "--type", "image", name], capture_output=True).returncode == 0


def make_servers():
    """nats-server and PostgreSQL of Debian and the S3 server of the tests in one image."""
    call(ROOT / "tests/s3/install.sh")
    container = call("buildah", "from", "--pull-never", "docker.io/library/debian:bookworm-slim")
    call("buildah", "run", "--isolation", "chroot", container, "--", "sh", "-ec",
         "mkdir -p /etc/postgresql-common/createcluster.d;"
         "echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf;"
         "apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nats-server postgresql-15 nodejs wget;"
         "rm -rf /var/lib/apt/lists/*")
    for server in ("postgres", "s3"):
        call("buildah", "copy", "--chmod", "755", container, ROOT / f"tests/deploy/{server}_entry.sh", f"/usr/local/bin/{server}-entry")
    call("buildah", "copy", container, ROOT / "tests/s3", "/opt/s3")
    call("buildah", "config", "--entrypoint", '["/usr/local/bin/postgres-entry"]', container)
    call("buildah", "commit", "--rm", container, SERVERS)


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = {**PROGRAMS, **({"verifier-cuda": PROGRAMS["verifier"]} if is_here(name_of("verifier-cuda")) else {})}

    def test_each_program_starts_in_its_image(self):
        for image, programs in self.programs.items():
            one = Image(name_of(image))
            try:
                self.assertEqual(one.user, "10001:10001")
                for program in programs:
                    self.assertRegex(one.run(program, "--version"), r"^\d+\.\d+\.\d+")
            finally:
                one.close()

    def test_blender_starts_where_it_is_wanted(self):
        for image in ("agent", "verifier", "tools"):
            one = Image(name_of(image))
            try:
                self.assertIn("cycles", json.loads(one.run("worldshare-agent", "--probe"))["engines"])
            finally:
                one.close()

    def test_labels_health_and_packages_are_told(self):
        trees = set()
        for image in self.programs:
            one = Image(name_of(image))
            try:
                self.assertEqual(one.labels["org.opencontainers.image.title"], f"worldshare-{image}")
                revision, version = (one.labels[f"org.opencontainers.image.{what}"] for what in ("revision", "version"))
                self.assertRegex(revision, "^[0-9a-f]{40}$")
                self.assertTrue(version.endswith("-" + revision[:12]), version)
                self.assertIn(TAG, ("latest", version))
                trees.add(revision)
                if image != "tools":
                    self.assertTrue(one.health)
                packages = (one.root / "usr/local/share/worldshare/packages.txt").read_text()
                self.assertRegex(packages, r"(?m)^libsodium23 \S+ amd64$")
                for wrong in ("gcc", "cmake", "g++"):
                    self.assertNotRegex(packages, rf"(?m)^{wrong.replace('+', '.')} ")
                self.assertFalse(list((one.root / "var/lib/apt/lists").glob("*_*")))
            finally:
                one.close()
        self.assertEqual(len(trees), 1, "they are of several commits")


class WholeFarm(unittest.TestCase):
    FILES = ["compose.yaml"]
    SERVICES = ["nats", "postgres", "dispatcher", "verifier", "followers", "agent-1", "agent-2", "agent-3"]

    def setUp(self):
        if not is_here(SERVERS):
            make_servers()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-hosts-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.scene = self.folder / "scenes/scene.blend"
        self.scene.parent.mkdir(mode=0o755)
        shutil.copy(SCENE, self.scene)
        self.scene.chmod(0o644)
        self.out = self.folder / "out"
        self.out.mkdir()
        os.chown(self.out, 10001, 10001)
        self.local = self.folder / "local"
        self.farm = Farm(self.services(), self.folder / "farm", self.image_of)
        self.addCleanup(self.farm.close)

    def services(self):
        """Those of the files, with the entry points of the test's own servers and the test's folders."""
        files = [part for file in self.FILES for part in ("-f", ROOT / file)]
        parsed = yaml.safe_load(call("docker-compose", *files, "config"))["services"]
        parsed = {name: service for name, service in parsed.items() if service.get("profiles", ["tools"]) == ["tools"]}
        parsed["postgres"]["entrypoint"] = ["/usr/local/bin/postgres-entry"]
        keys = [item for item in parsed["tools"]["volumes"] if not item.endswith(":/scenes:ro")]
        parsed["tools"]["volumes"] = [*keys, f"{self.scene.parent}:/scenes:ro", f"{self.out}:/out"]
        parsed["verifier"]["volumes"] += [f"{self.out}:/out:ro", f"{self.local}:/local:ro"]
        return parsed

    def image_of(self, name):
        if "worldshare-" not in name:
            return SERVERS
        return name.rpartition(":")[0] + f":{TAG}"

    def render_locally(self):
        self.local.mkdir()
        self.local.chmod(0o755)
        call("blender", "-b", "--factory-startup", "-noaudio", self.scene, "-F", "PNG", "-o", f"{self.local}/####", "-s", "1", "-e", FRAMES, "-a")

    def test_the_farm_renders_with_every_service_on_a_host_of_its_own(self):
        farm = self.farm
        self.render_locally()
        farm.up(self.SERVICES)
        farm.wait_until("the agents' health", lambda: all(farm.is_healthy(f"agent-{n}") for n in (1, 2, 3)))
        farm.wait_until("the verifier's health", lambda: farm.is_healthy("verifier"))
        began = time.monotonic()
        submitted = farm.run("tools", "submit", "/scenes/scene.blend", "--frames", f"1-{FRAMES}", "--watch")
        self.assertEqual(submitted.returncode, 0, submitted.stdout + submitted.stderr + farm.last_words())
        job = submitted.stdout.split()[0]
        fetched = farm.run("tools", "fetch", job, "--frames", f"1-{FRAMES}", "-o", "/out")
        self.assertEqual(fetched.returncode, 0, fetched.stdout + fetched.stderr)
        frames = sorted(file.name for file in self.out.iterdir())
        self.assertEqual(len(frames), FRAMES)
        print(f"{FRAMES} frames verified in {time.monotonic() - began:.0f} s, on {len(farm.network.addresses)} hosts")
        for name, mine in zip(frames, sorted(file.name for file in self.local.iterdir()), strict=True):
            compared = farm.run("verifier", "--compare", f"/out/{name}", f"/local/{mine}")
            self.assertEqual(compared.returncode, 0, f"{name} has other pixels than a local render\n{compared.stdout}{compared.stderr}")
        for name, process in farm.running.items():
            self.assertIsNone(process.poll(), name)
        self.look_at_the_blobs(job)

    def objects(self):
        """{where: names} of the blobs, as they lie on the disks of this machine."""
        volumes = self.farm.folder / "volumes"
        return {part: {file.name for file in (volumes / part).glob("??/*") if file.is_file()} for part in ("blobs",)}

    def look_at_the_blobs(self, job):
        scene = hashlib.sha256(self.scene.read_bytes()).hexdigest()
        self.assertIn(scene, self.objects()["blobs"])
        self.assertGreater(len(self.objects()["blobs"]), FRAMES)


class FarmWithObjectStore(WholeFarm):
    FILES = ["compose.yaml", "compose.s3.yaml"]
    SERVICES = ["s3", *WholeFarm.SERVICES]

    def services(self):
        parsed = super().services()
        parsed["s3"]["entrypoint"] = ["/usr/local/bin/s3-entry"]
        parsed["s3"]["healthcheck"] = {"test": ["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8333"]}
        return parsed

    def look_at_the_blobs(self, job):
        volumes = self.farm.folder / "volumes"
        scene = hashlib.sha256(self.scene.read_bytes()).hexdigest()
        names = {file.name.split("._")[0] for file in (volumes / "s3/worldshare/blobs").iterdir()}
        self.assertIn(scene, names)
        self.assertGreater(len(names), FRAMES)
        self.assertEqual(self.objects()["blobs"], set(), "nothing lies in the volume of compose.yaml")
        own = {file.name for file in (volumes / "dispatcher-copies/copies").iterdir()}
        self.assertEqual(own, {scene}, "agents and the command line went past the gateway")


if __name__ == "__main__":
    have = os.geteuid() == 0 and shutil.which("buildah") and SCENE
    if not have or not is_here(name_of("tools")):
        print("skipped: no images here. As root: deploy/docker/base.sh (without a registry), then deploy/docker/build.sh")
        sys.exit(77)
    unittest.main()
