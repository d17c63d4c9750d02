"""The brokers of deploy/kubernetes on this machine: three of a cluster, as deploy/services/broker starts them, with a follower beside each.
cluster_test.py BINARIES"""

import json
import pathlib
import shutil
import signal
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "chaos"))
from farm import ROOT, Farm, free_port

BINARIES = sys.argv.pop(1)
BROKERS = ("broker-0", "broker-1", "broker-2")


class Cluster(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ws-cluster-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.farm = Farm(BINARIES, self.folder / "farm", agents=1)
        self.addCleanup(self.farm.close)
        self.addCleanup(self.stop_brokers)
        self.farm.make_keys()
        self.farm.database.start()
        self.program = self.farm.binaries / "worldshare-dispatcher"
        self.start_brokers()

    def stop_brokers(self):
        for name in BROKERS:
            for part in (f"{name}-follower", name):
                if part in self.farm.services:
                    self.farm.services[part].stop()

    def start_brokers(self):
        public = self.farm.folder / "keys/public"
        public.mkdir()
        for name in ("dispatcher", "verifier", "operator"):
            (public / name).write_text(self.farm.key(name)[1])
        self.client, self.monitor, cluster = ({name: free_port() for name in BROKERS} for _ in range(3))
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in cluster.values())
        for name in BROKERS:
            folder = self.farm.folder / name
            folder.mkdir()
            self.farm.add_service(name, ["sh", ROOT / "deploy/services/broker", folder], {
                "WS_NATS_NAME": name, "WS_NATS_LISTEN": f"127.0.0.1:{self.client[name]}", "WS_NATS_MONITOR": f"127.0.0.1:{self.monitor[name]}",
                "WS_NATS_CLUSTER_LISTEN": f"127.0.0.1:{cluster[name]}", "WS_NATS_ROUTES": routes, "WS_PUBLIC_KEYS": str(public),
                "WS_BROKER_CONFIG": str(ROOT / "broker-config/nats-server.conf")})
            self.farm.wait_until(name, lambda one=name: self.page(one, "varz") is not None)

    def config(self, broker):
        return self.farm.config(f"dispatcher-at-{broker}", {
            "nats": {"url": f"nats://127.0.0.1:{self.client[broker]}", "stream_replicas": 3,
                     "seed_file": str(self.farm.key("dispatcher")[0]), "streams_file": str(ROOT / "broker-config/streams.yaml")},
            "postgres": {"conninfo": self.farm.database.conninfo(), "sql_directory": str(ROOT / "schemas/sql")}})

    def page(self, broker, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor[broker]}/{path}", timeout=2) as answer:
                return json.load(answer)
        except OSError:
            return None

    def provision(self, broker="broker-0"):
        return self.farm.run("", self.program, "--config", self.config(broker), "--provision", check=False).returncode == 0

    def streams(self, broker):
        """{name: its state} of the account WS, as KEDA asks for it."""
        page = self.page(broker, "jsz?acc=WS&consumers=true&config=true") or {}
        return {stream["name"]: stream for account in page.get("account_details", []) for stream in account.get("stream_detail", [])}

    def test_every_stream_has_three_copies_and_a_lost_broker_stops_nothing(self):
        self.farm.wait_until("streams", self.provision, 120, 1)
        self.farm.wait_until("copies", lambda: all(len(self.streams(name)) >= 9 for name in BROKERS), 60)
        for stream in self.streams("broker-0").values():
            self.assertEqual(stream["config"]["num_replicas"], 3, stream["name"])
        leader = self.streams("broker-0")["RESULTS"]["cluster"]["leader"]
        [verifiers] = [one for one in self.streams(leader)["RESULTS"]["consumer_detail"] if one["name"] == "verifiers"]
        self.assertEqual(verifiers["num_pending"], 0)  # the figure that scaling.yaml goes by
        self.farm.services[leader].stop(signal.SIGKILL)
        other = next(name for name in BROKERS if name != leader)
        self.farm.wait_until("the other two", lambda: self.provision(other), 120, 1)
        self.farm.wait_until("a new leader", lambda: self.streams(other)["RESULTS"]["cluster"].get("leader") not in (None, "", leader), 60)

    def test_followers_bring_an_enrolled_agent_to_every_broker(self):
        self.farm.wait_until("streams", self.provision, 120, 1)
        for name in BROKERS:
            config = self.farm.config(f"{name}-follower", {
                "nats": {"agents_conf_file": str(self.farm.folder / name / "agents.conf"), "broker_pid_file": str(self.farm.folder / name / "nats.pid"),
                         "broker_monitor_url": f"http://127.0.0.1:{self.monitor[name]}"}, "postgres": {"conninfo": self.farm.database.conninfo()}})
            self.farm.add_service(f"{name}-follower", [self.program, "--config", config, "--follow-enrolments"])
        agent = self.farm.key("agent-1")[1]
        self.farm.run("", self.program, "--config", self.config("broker-0"), "--enrol", agent, "--owner", "ann")
        for name in BROKERS:
            self.farm.wait_until(f"the agent at {name}", lambda one=name: agent in (self.page(one, "accountz") or {}).get("accounts", []), 60)


if __name__ == "__main__":
    unittest.main()
