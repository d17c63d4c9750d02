"""compose.yaml and what it mounts: compose_test.py BUILD_FOLDER

A real parser reads it (Debian's docker-compose), the services' own parsers read their configuration, promtool reads the rules, and
the dashboard asks for nothing but metrics that exist."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
ONE_SHOT = {"setup", "provision", "enrol", "tools"}
# What watches over itself in another way: the exporter by Prometheus' up, the follower by its restarts.
WITHOUT_HEALTH = {"followers", "nats-exporter"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=180, **options)


def parsed_by_docker_compose(files):
    profiles = [part for name in ("gpu", "observability", "tools") for part in ("--profile", name)]
    ran = run("docker-compose", *(part for file in files for part in ("-f", str(ROOT / file))), *profiles, "config")
    assert ran.returncode == 0, ran.stderr
    return yaml.safe_load(ran.stdout)


class Compose(unittest.TestCase):
    FILES = ["compose.yaml"]

    @classmethod
    def setUpClass(cls):
        cls.services = parsed_by_docker_compose(cls.FILES)["services"]

    def holders(self):
        """{volume or path: services that mount it}."""
        out = {}
        for name, service in self.services.items():
            for volume in service.get("volumes", []):
                out.setdefault(str(volume).split(":")[0], set()).add(name)
        return out

    def test_the_profiles_hold_what_they_are_named_for(self):
        of = {name: service.get("profiles", []) for name, service in self.services.items()}
        self.assertEqual({name for name, profiles in of.items() if profiles == ["gpu"]}, {"verifier-gpu"})
        self.assertEqual({name for name, profiles in of.items() if profiles == ["observability"]},
                         {"prometheus", "grafana", "nats-exporter"})
        self.assertLessEqual({"nats", "postgres", "dispatcher", "verifier", "agent-1", "agent-2", "agent-3"},
                             {name for name, profiles in of.items() if not profiles})

    def test_every_image_is_pinned_to_a_release(self):
        for name, service in self.services.items():
            image, _, tag = service["image"].rpartition(":")
            self.assertTrue(image and tag, name)
            if "worldshare-" not in image:
                self.assertRegex(tag, r"\d", f"{name}: {service['image']}")

    def test_whoever_waits_waits_for_health_or_an_end(self):
        for name, service in self.services.items():
            for needed, how in service.get("depends_on", {}).items():
                if needed in ONE_SHOT:
                    wanted = "service_completed_successfully"
                elif needed in WITHOUT_HEALTH:
                    wanted = "service_started"
                else:
                    wanted = "service_healthy"
                self.assertEqual(how["condition"], wanted, f"{name} waits for {needed}")

    def test_every_service_that_stays_is_watched_and_restarted(self):
        dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
        for name, service in self.services.items():
            if name in ONE_SHOT:
                continue
            self.assertEqual(service["restart"], "unless-stopped", name)
            if name not in WITHOUT_HEALTH and "healthcheck" not in service:
                # From its image then; verifier-cuda has the one of verifier.
                target = service["build"]["target"].removesuffix("-cuda")
                stage = re.search(rf"^FROM \S+ AS {target}$(.*?)(?=^FROM )", dockerfile, re.M | re.S).group(1)
                self.assertIn("HEALTHCHECK", stage, name)

    def test_nothing_runs_as_root_or_may_gain_rights(self):
        for name, service in self.services.items():
            if name in ("setup", "postgres"):  # one hands volumes over; the other's own image leaves root by itself
                continue
            self.assertEqual(service.get("cap_drop"), ["ALL"], name)
            self.assertIn("no-new-privileges:true", service["security_opt"], name)
            self.assertTrue(service.get("read_only"), name)
            self.assertNotIn(str(service.get("user", "10001")).split(":")[0], ("0", "root"), name)
            self.assertFalse(service.get("privileged"), name)
            self.assertFalse([item for item in service.get("volumes", []) if "docker.sock" in str(item)], name)

    def test_no_secret_stands_in_it(self):
        for name, service in self.services.items():
            for key, value in (service.get("environment") or {}).items():
                if re.search("PASSWORD|SECRET|TOKEN|SEED|KEY", key):
                    self.assertRegex(key, "_FILE$", name)
                    self.assertTrue(str(value).startswith("/keys/"), name)
        for file in [*(ROOT / name for name in self.FILES), *(ROOT / "deploy/compose").iterdir()]:
            self.assertNotRegex(file.read_text(), r"\bSU[A-Z2-7]{56}\b|password=|BEGIN [A-Z ]*PRIVATE", file.name)

    def test_only_this_machine_reaches_the_ports(self):
        for name, service in self.services.items():
            for port in service.get("ports", []):
                self.assertTrue(str(port).startswith("127.0.0.1:"), f"{name}: {port}")

    def test_keys_are_where_they_are_needed_and_nowhere_else(self):
        holders = self.holders()
        self.assertEqual(holders["dispatcher-keys"], {"setup", "provision", "enrol", "followers", "dispatcher"})
        self.assertEqual(holders["verifier-keys"], {"setup", "verifier", "verifier-gpu"})
        for agent in ("agent-1", "agent-2", "agent-3"):
            self.assertEqual(holders[agent], {"setup", agent})

    def test_what_is_mounted_is_there(self):
        for name, service in self.services.items():
            for volume in service.get("volumes", []):
                source = str(volume).split(":")[0]
                if source.startswith("/"):
                    self.assertTrue(os.path.exists(source), f"{name}: {source}")


class ComposeWithObjectStore(Compose):
    """All of the above for both files together, and what the second one adds."""
    FILES = ["compose.yaml", "compose.s3.yaml"]

    def test_blobs_lie_in_the_store_alone_and_nobody_shares_a_folder(self):
        holders = self.holders()
        self.assertEqual(holders["blobs"], {"setup"})
        self.assertEqual(holders["dispatcher-copies"], {"setup", "provision", "dispatcher"})
        self.assertEqual(holders["verifier-copies"], {"setup", "verifier", "verifier-gpu"})
        self.assertEqual(holders["s3"], {"setup", "s3"})
        self.assertEqual(holders["s3-keys"], {"setup", "s3"})

    def test_whoever_uses_the_store_waits_for_it_and_its_bucket(self):
        self.assertEqual(self.services["provision"]["depends_on"]["s3"]["condition"], "service_healthy")
        for name in ("dispatcher", "verifier", "verifier-gpu", "enrol"):
            self.assertIn("provision", self.services[name]["depends_on"])

    def test_only_the_s3_server_of_the_store_is_reached_from_outside(self):
        command = self.services["s3"]["command"]
        self.assertIn("-ip.bind=127.0.0.1", command)
        self.assertIn("-s3.ip.bind=0.0.0.0", command)
        self.assertEqual(self.services["s3"]["ports"], ["127.0.0.1:8333:8333/tcp"])

    def test_the_configuration_differs_in_blobs_alone_and_names_what_is_there(self):
        aliases = self.services["s3"]["networks"]["default"]["aliases"]
        for name in ("dispatcher", "verifier"):
            one, other = (yaml.safe_load((ROOT / f"deploy/compose/{name}{end}.yaml").read_text()) for end in ("", "-s3"))
            store = other["blobs"].pop("s3")
            self.assertEqual(one, other)
            self.assertEqual(store["endpoint"], f"http://{aliases[0]}:8333")
            self.assertEqual(store["credentials_file"], f"/keys/{name}/s3.yaml")
            mounted = [volume for volume in self.services[name]["volumes"] if volume.endswith(f":/etc/worldshare/{name}.yaml:ro")]
            self.assertEqual(mounted, [f"{ROOT}/deploy/compose/{name}-s3.yaml:/etc/worldshare/{name}.yaml:ro"])


class Configuration(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_the_services_know_every_key_and_miss_only_their_seed(self):
        for program, file, says in (("dispatcher", "dispatcher", "cannot read /keys/dispatcher/dispatcher.seed"),
                                    ("dispatcher", "dispatcher-s3", "cannot read /keys/dispatcher/dispatcher.seed"),
                                    ("agent", "agent", "cannot read /var/lib/worldshare/agent.seed")):
            ran = run(BUILD / f"bin/worldshare-{program}", "--config", ROOT / f"deploy/compose/{file}.yaml")
            self.assertIn(says, ran.stderr + ran.stdout)
            self.assertNotEqual(ran.returncode, 0)

    def test_setup_makes_each_key_once_and_the_verifier_takes_the_dispatchers(self):
        volumes = ("public-keys dispatcher-keys verifier-keys operator-keys postgres-keys broker blobs assembly "
                   "agent-1 agent-2 agent-3 prometheus grafana").split()
        for volume in volumes:
            (self.folder / volume).mkdir()
        path = {"PATH": f"{BUILD}/bin:{self.stub('chown')}:{os.environ['PATH']}"}
        script = ["bash", str(ROOT / "deploy/compose/setup"), str(self.folder)]
        self.assertEqual(run(*script, env=path).returncode, 0)
        first = {str(file): file.read_bytes() for file in sorted(self.folder.rglob("*")) if file.is_file()}
        self.assertEqual(run(*script, env=path).returncode, 0)
        again = {str(file): file.read_bytes() for file in sorted(self.folder.rglob("*")) if file.is_file()}
        self.assertEqual(first, again)
        seeds = [file for file in self.folder.rglob("*.seed")]
        self.assertEqual(len(seeds), 6)
        self.assertEqual(len({file.read_text() for file in seeds}), 6)
        for file in self.folder.rglob("*"):
            if file.is_file():
                self.assertEqual(file.stat().st_mode & 0o077, 0, file)
        for file, missing in (("verifier.yaml", "verifier.seed"), ("verifier-s3.yaml", "s3.yaml")):
            config = (ROOT / "deploy/compose" / file).read_text()
            config = config.replace("@DISPATCHER@", (self.folder / "public-keys/dispatcher").read_text().strip())
            (self.folder / "verifier.yaml").write_text(config)
            ran = run(BUILD / "bin/worldshare-verifier", "--config", self.folder / "verifier.yaml")
            self.assertIn(f"cannot read /keys/verifier/{missing}", ran.stderr + ran.stdout)

    def test_setup_gives_the_stores_key_to_those_who_use_it(self):
        for volume in ("public-keys dispatcher-keys verifier-keys operator-keys postgres-keys agent-1 agent-2 agent-3 s3-keys s3").split():
            (self.folder / volume).mkdir()
        path = {"PATH": f"{BUILD}/bin:{self.stub('chown')}:{os.environ['PATH']}"}
        for _ in range(2):  # the same again
            self.assertEqual(run("bash", str(ROOT / "deploy/compose/setup"), str(self.folder), env=path).returncode, 0)
            store = json.loads((self.folder / "s3-keys/s3.json").read_text())["identities"]
            self.assertEqual(len(store), 1)
            (pair,) = store[0]["credentials"]
            for user in ("dispatcher", "verifier"):
                key = self.folder / f"{user}-keys/s3.yaml"
                self.assertEqual(yaml.safe_load(key.read_text()), {"access_key": pair["accessKey"], "secret_key": pair["secretKey"]})
                self.assertEqual(key.stat().st_mode & 0o077, 0)
            self.assertGreaterEqual(len(pair["secretKey"]), 40)
            self.assertEqual(pair["secretKey"], (self.folder / "s3-keys/secret-key").read_text())
        self.assertFalse(list((self.folder / "operator-keys").glob("s3*")))

    def stub(self, name):
        """A folder with a program of this name that does nothing: the test may not be root."""
        folder = self.folder.parent / (self.folder.name + "-bin")
        folder.mkdir(exist_ok=True)
        self.addCleanup(shutil.rmtree, folder, True)
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
        return folder

    def test_a_half_made_key_is_made_anew(self):
        for volume in ("public-keys", "dispatcher-keys", "verifier-keys", "operator-keys", "postgres-keys", "agent-1", "agent-2", "agent-3"):
            (self.folder / volume).mkdir()
        seed = self.folder / "dispatcher-keys/dispatcher.seed"
        seed.write_text("half\n")
        path = {"PATH": f"{BUILD}/bin:{self.stub('chown')}:{os.environ['PATH']}"}
        self.assertEqual(run("bash", str(ROOT / "deploy/compose/setup"), str(self.folder), env=path).returncode, 0)
        self.assertTrue(seed.read_text().startswith("SU"))


def metrics_of_the_dispatcher():
    text = (ROOT / "dispatcher/gateway/metrics_text.cc").read_text()
    names = set(re.findall(r'(?:family|single|of_tenants|of_needs)\("([a-z_]+)"', text))
    return {f"worldshare_{name}{suffix}" for name in names for suffix in ("", "_bucket", "_sum", "_count")}


class Observability(unittest.TestCase):
    def test_the_rules_hold_before_promtool(self):
        self.assertEqual(run("promtool", "check", "rules", ROOT / "deploy/prometheus/alerts.yml").returncode, 0)
        ran = run("promtool", "test", "rules", ROOT / "deploy/prometheus/alerts_test.yml")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_prometheus_would_take_its_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            text = (ROOT / "deploy/compose/prometheus.yml").read_text()
            token = pathlib.Path(folder) / "token"
            token.write_text("x")
            text = text.replace("/keys/operator/api-token", str(token))
            text = text.replace("/etc/prometheus/alerts.yml", str(ROOT / "deploy/prometheus/alerts.yml"))
            path = pathlib.Path(folder) / "prometheus.yml"
            path.write_text(text)
            ran = run("promtool", "check", "config", path)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_rules_and_dashboard_ask_for_metrics_that_exist(self):
        known = metrics_of_the_dispatcher()
        self.assertGreater(len(known), 80)
        asked = (ROOT / "deploy/prometheus/alerts.yml").read_text() + (ROOT / "deploy/grafana/dashboards/farm.json").read_text()
        used = set(re.findall(r"\bworldshare_[a-z_]+", asked))
        self.assertGreater(len(used), 20)
        self.assertEqual(used - known, set())

    def test_every_alert_has_its_page_and_its_test(self):
        rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
        pages = (ROOT / "docs/operations.md").read_text().lower()
        tests = (ROOT / "deploy/prometheus/alerts_test.yml").read_text()
        for rule in rules:
            self.assertEqual(rule["annotations"]["runbook"], "docs/operations.md#" + rule["alert"].lower())
            self.assertTrue("\n#### " + rule["alert"].lower() + "\n" in pages, rule["alert"])
            self.assertRegex(tests, rf"alertname: {rule['alert']}\n\s+exp_alerts")

    def test_the_dashboard_is_one(self):
        dashboard = json.loads((ROOT / "deploy/grafana/dashboards/farm.json").read_text())
        places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
        self.assertEqual(len(places), len(set(places)))
        for panel in dashboard["panels"]:
            self.assertEqual(panel["datasource"]["uid"], "prometheus")
            self.assertTrue(panel["targets"] and all(target["expr"] for target in panel["targets"]))
        sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())
        self.assertEqual(sources["datasources"][0]["uid"], "prometheus")


if __name__ == "__main__":
    unittest.main()
