"""The built images: images_test.py SCENE.blend [TAG]. As root, after deploy/docker/build.sh; exits with 77 where there are none.

Each program starts in its image as the image's user, and the farm of compose.yaml renders with every service in the root file
system of its image and in a network namespace of its own. Broker and database come from Debian's packages, since the images that
compose.yaml names for them are in a registry."""

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
SERVERS = "localhost/worldshare-test-servers:latest"


def name_of(image):
    return f"localhost/worldshare-{image}:{TAG}"


def make_servers():
    """nats-server and PostgreSQL of Debian in one image."""
    container = call("buildah", "from", "--pull-never", "docker.io/library/debian:bookworm-slim")
    call("buildah", "run", "--isolation", "chroot", container, "--", "sh", "-ec",
         "mkdir -p /etc/postgresql-common/createcluster.d;"
         "echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf;"
         "apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nats-server postgresql-15 wget;"
         "rm -rf /var/lib/apt/lists/*")
    call("buildah", "copy", "--chmod", "755", container, ROOT / "tests/deploy/postgres_entry.sh", "/usr/local/bin/postgres-entry")
    call("buildah", "config", "--entrypoint", '["/usr/local/bin/postgres-entry"]', container)
    call("buildah", "commit", "--rm", container, SERVERS)


class Images(unittest.TestCase):
    def test_each_program_starts_in_its_image(self):
        for image, programs in PROGRAMS.items():
            one = Image(name_of(image))
            try:
                self.assertEqual(one.user, "10001:10001")
                for program in programs:
                    said = call("buildah", "run", "--isolation", "chroot", "--user", "10001:10001", one.container, "--", program, "--version")
                    self.assertRegex(said, r"^\d+\.\d+\.\d+")
            finally:
                one.close()

    def test_blender_starts_where_it_is_wanted(self):
        for image in ("agent", "verifier", "tools"):
            one = Image(name_of(image))
            try:
                said = call("buildah", "run", "--isolation", "chroot", "--user", "10001:10001", one.container, "--",
                            "worldshare-agent", "--probe")
                self.assertIn("cycles", json.loads(said)["engines"])
            finally:
                one.close()

    def test_labels_health_and_packages_are_told(self):
        for image in PROGRAMS:
            one = Image(name_of(image))
            try:
                self.assertEqual(one.labels["org.opencontainers.image.title"], f"worldshare-{image}")
                self.assertRegex(one.labels["org.opencontainers.image.revision"], "^[0-9a-f]{40}$")
                self.assertTrue(one.labels["org.opencontainers.image.version"])
                if image != "tools":
                    self.assertTrue(one.health)
                packages = (one.root / "usr/local/share/worldshare/packages.txt").read_text()
                self.assertRegex(packages, r"(?m)^libsodium23 \S+ amd64$")
                for wrong in ("gcc", "cmake", "g++"):
                    self.assertNotRegex(packages, rf"(?m)^{wrong.replace('+', '.')} ")
                self.assertFalse(list((one.root / "var/lib/apt/lists").glob("*_*")))
            finally:
                one.close()


class WholeFarm(unittest.TestCase):
    def setUp(self):
        if subprocess.run(["buildah", "inspect", "--type", "image", SERVERS], capture_output=True).returncode != 0:
            make_servers()
        parsed = yaml.safe_load(call("docker-compose", "-f", ROOT / "compose.yaml", "config"))["services"]
        parsed = {name: service for name, service in parsed.items() if service.get("profiles", ["tools"]) == ["tools"]}
        parsed["postgres"]["entrypoint"] = ["/usr/local/bin/postgres-entry"]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-hosts-"))
        self.folder.chmod(0o755)
        scenes = self.folder / "scenes"
        scenes.mkdir(mode=0o755)
        shutil.copy(SCENE, scenes / "scene.blend")
        (scenes / "scene.blend").chmod(0o644)
        out = self.folder / "volumes/out"
        out.mkdir(parents=True)
        os.chown(out, 10001, 10001)
        keys = [item for item in parsed["tools"]["volumes"] if not item.endswith(":/scenes:ro")]
        parsed["tools"]["volumes"] = [*keys, f"{scenes}:/scenes:ro", f"{out}:/out"]
        images = {"docker.io/library/nats:": SERVERS, "docker.io/library/postgres:": SERVERS}

        def image_of(name):
            for start, mine in images.items():
                if name.startswith(start):
                    return mine
            return name.rpartition(":")[0] + f":{TAG}"

        self.out = out
        self.farm = Farm(parsed, self.folder / "farm", image_of)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.addCleanup(self.farm.close)

    def test_the_farm_renders_with_every_service_on_a_host_of_its_own(self):
        farm = self.farm
        farm.up(["nats", "postgres", "dispatcher", "verifier", "followers", "agent-1", "agent-2", "agent-3"])
        farm.wait_until("the agents' health", lambda: all(farm.is_healthy(f"agent-{n}") for n in (1, 2, 3)))
        farm.wait_until("the verifier's health", lambda: farm.is_healthy("verifier"))
        began = time.monotonic()
        submitted = farm.run("tools", "submit", "/scenes/scene.blend", "--frames", f"1-{FRAMES}", "--watch")
        self.assertEqual(submitted.returncode, 0, submitted.stdout + submitted.stderr + farm.last_words())
        job = submitted.stdout.split()[0]
        fetched = farm.run("tools", "fetch", job, "--frames", f"1-{FRAMES}", "-o", "/out")
        self.assertEqual(fetched.returncode, 0, fetched.stdout + fetched.stderr)
        self.assertEqual(len(list(self.out.iterdir())), FRAMES)
        print(f"{FRAMES} frames verified in {time.monotonic() - began:.0f} s, on {len(farm.network.addresses)} hosts")
        for name, process in farm.running.items():
            self.assertIsNone(process.poll(), name)


if __name__ == "__main__":
    have = os.geteuid() == 0 and shutil.which("buildah") and SCENE
    if not have or subprocess.run(["buildah", "inspect", "--type", "image", name_of("tools")], capture_output=True).returncode != 0:
        print("skipped: no images here. As root: deploy/docker/base.sh (without a registry), then deploy/docker/build.sh")
        sys.exit(77)
    unittest.main()
