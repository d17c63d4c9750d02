"""A farm whose broker trusts JWTs: agents enrol with tokens, render, and one is revoked. jwt_farm_test.py BINARIES SCENE.blend"""

import json
import pathlib
import shutil
import signal
import sys
import tempfile
import unittest

from farm import ROOT, Farm

BINARIES = sys.argv.pop(1)
SCENE = pathlib.Path(sys.argv.pop(1)).resolve()
FRAMES = 4


class JwtFarm(Farm):
    """Agents come as on strangers' machines: with a token, over HTTP."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.accounts = self.folder / "accounts"

    def make_keys(self):
        super().make_keys()
        if self.accounts.exists():
            return
        self.accounts.mkdir()
        for name in ("dispatcher", "verifier", "operator"):
            shutil.copy2(self.key(name)[0], self.accounts)
        self.run("nats", self.binaries / "worldshare-dispatcher", "--make-accounts", self.accounts)

    def start_nats(self):
        folder = self.folder / "nats"
        shutil.copy(ROOT / "broker-config/nats-server-jwt.conf", folder)
        shutil.copy(self.accounts / "accounts.conf", folder)
        address = self.address("nats")
        environment = {"WS_NATS_NAME": "jwt", "WS_NATS_LISTEN": f"{address}:{self.port('nats')}", "WS_NATS_STORE": str(folder / "jetstream"),
                       "WS_NATS_MONITOR": f"{address}:{self.port('nats-monitor')}", "WS_NATS_ACCOUNTS": str(folder / "accounts")}
        self.add_service("nats", [*self.on_host("nats"), "nats-server", "-c", folder / "nats-server-jwt.conf"], environment)
        self.wait_until("the broker", self.broker_answers)

    def config(self, name, content):
        kind = name.partition("-")[0]
        if kind == "dispatcher":
            for key in ("agents_conf_file", "broker_pid_file", "broker_monitor_url"):
                del content["nats"][key]
            content["nats"]["accounts_folder"] = str(self.accounts)
        elif kind == "verifier":
            content["nats"]["jwt_file"] = str(self.accounts / "verifier.jwt")
        return super().config(name, content)

    def provision(self):
        self.run("nats", self.binaries / "worldshare-dispatcher", "--config", self.dispatcher_config(self.dispatchers[0]), "--provision")

    def start_services(self):
        for name in [*self.dispatchers, *self.verifiers]:
            self.start_service(name)
        self.wait_until("the dispatcher", lambda: self.cli("nodes", check=False).returncode == 0)
        for name in self.agents:
            self.enrol(name)
            self.add_service(name, ["env", *self.wishes(), self.binaries / "worldshare-agent", "--home", self.home(name)])

    def home(self, name):
        return self.folder / f"home-{name}"

    def wishes(self):
        path = self.folder / "wishes.yaml"
        path.write_text(json.dumps({"agent": {"nice": 0, "threads": 1, "heartbeat_seconds": 1}, "sandbox": {"mode": "auto"}}))
        return [f"WORLDSHARE_AGENT_CONFIG={path}"]

    def enrol(self, name):
        token = json.loads(self.cli("node", "token", "--owner", f"volunteer-{name[6:]}", "--json").stdout)["token"]
        self.run(name, "env", *self.wishes(), self.binaries / "worldshare-agent", "enroll", "--server", self.web_url(self.dispatchers[0]), "--token", token,
                 "--allow-plain", "--home", self.home(name))

    def public_key(self, name):
        return self.psql(f"select id from agents where owner = 'volunteer-{name[6:]}'")


class JwtFarmTest(unittest.TestCase):
    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-jwt-"))
        folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, folder, True)
        self.farm = JwtFarm(BINARIES, folder)
        self.addCleanup(self.farm.close)
        self.farm.start()

    def doctor(self, name):
        ran = self.farm.run(name, "env", *self.farm.wishes(), self.farm.binaries / "worldshare-agent", "doctor", "--home", self.farm.home(name), "--json", check=False)
        return {line["what"]: line for line in json.loads(ran.stdout)["findings"]}

    def render(self):
        job = self.farm.submit(SCENE, f"1-{FRAMES}")
        self.farm.wait_for_end(job, 400)
        self.assertEqual(self.farm.state(job), "completed", self.farm.last_words())
        self.assertEqual(self.farm.accepted(job), FRAMES)

    def test_frames_are_rendered_and_a_revoked_agent_stays_out(self):
        farm = self.farm
        broker = farm.services["nats"].process.pid
        self.render()
        self.assertEqual(self.doctor("agent-3")["broker"]["grade"], "ok")
        self.assertEqual(self.doctor("agent-3")["credential"]["grade"], "ok")
        farm.cli("node", "revoke", farm.public_key("agent-3"))
        log = farm.folder / "logs/nats.log"
        farm.wait_until("the end of the revoked agent's connection", lambda: "maximum account active connections exceeded" in log.read_text(), 10)
        refused = self.doctor("agent-3")["broker"]
        self.assertEqual(refused["grade"], "bad")
        self.assertIn("the broker refuses the key", refused["seen"])
        farm.services["agent-3"].stop(signal.SIGKILL)
        self.render()
        farm.enrol("agent-3")
        self.assertEqual(self.doctor("agent-3")["broker"]["grade"], "ok")
        self.assertEqual(farm.services["nats"].process.pid, broker)
        self.assertNotIn("Reloaded", (farm.folder / "logs/nats.log").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
