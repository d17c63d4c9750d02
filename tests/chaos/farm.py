"""A whole farm of real processes that may be killed, frozen and cut off: PostgreSQL, a broker, dispatchers, verifiers, agents.
Whoever ends is started again, as systemd's Restart=always does. With a Network each of them is on a host of its own."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from database import DATABASE, Database
from processes import descendants, signal_all

ROOT = pathlib.Path(__file__).parents[2]
RESTART_SECONDS = 0.5


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Service:
    """A process that is kept running until it is told to stop."""

    def __init__(self, name, command, log, environment=None, stop_signal=signal.SIGTERM):
        self.name, self.command, self.log = name, [str(part) for part in command], log
        self.environment = {**os.environ, **(environment or {})}
        self.stop_signal = stop_signal
        self.process = None
        self.wanted = False
        self.starts = 0
        self.lock = threading.Lock()

    def start(self):
        with self.lock:
            self.wanted = True
            self._spawn()

    def _spawn(self):
        with open(self.log, "ab") as log:
            # However this program ends, its services end too.
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            env=self.environment, cwd="/", start_new_session=True)
        self.starts += 1

    def look_after(self):
        with self.lock:
            if self.wanted and self.process and self.process.poll() is not None:
                self._spawn()

    def signal(self, number):
        with self.lock:
            if self.process and self.process.poll() is None:
                self.process.send_signal(number)

    def stop(self, number=None, seconds=20):
        with self.lock:
            self.wanted = False
            if not self.process or self.process.poll() is not None:
                return
            self.process.send_signal(number or self.stop_signal)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Farm:
    def __init__(self, binaries, folder, agents=3, dispatchers=1, verifiers=1, databases=1, network=None, settings=None):
        self.binaries, self.folder, self.network = pathlib.Path(binaries).resolve(), pathlib.Path(folder), network
        # "tls": a folder of tools/make_ca.sh, and all is encrypted; "wrap": {name: start of its command}; "clocks": Clocks; "postgres": options;
        # "dispatcher", "verifier", "agent": {section: {key: value}} for their YAML.
        self.settings = settings or {}
        self.tls = self.settings.get("tls")
        self.services = {}
        self.ports = {}
        self.agents = [f"agent-{n + 1}" for n in range(agents)]
        self.dispatchers = [f"dispatcher-{n + 1}" for n in range(dispatchers)]
        self.verifiers = [f"verifier-{n + 1}" for n in range(verifiers)]
        self.database = Database(self, [f"postgres-{n + 1}" if n else "postgres" for n in range(databases)])
        self.names = [*self.database.hosts, "nats", *self.dispatchers, *self.verifiers, *self.agents]
        for part in ("logs", "keys", "blobs", "nats", *self.database.hosts):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for name in [*self.names, "artist"] if network else []:
            network.add(name)
        self._watch = threading.Thread(target=self._look_after_all, daemon=True)
        self._ended = threading.Event()

    # -- who is where
    def address(self, name):
        return self.network.addresses[name] if self.network else "127.0.0.1"

    def port(self, name):
        return self.ports.setdefault(name, free_port())

    def on_host(self, name):
        """The start of a command that runs on this host."""
        return ["ip", "netns", "exec", self.network.namespace(name)] if self.network else []

    def broker_url(self):
        return f"{'tls' if self.tls else 'nats'}://{self.address('nats')}:{self.port('nats')}"

    def web_url(self, name):
        return f"{'https' if self.tls else 'http'}://{self.address(name)}:{self.port(name)}"

    # -- start
    def start(self):
        self.start_servers()
        self.provision()
        self.start_services()
        self._watch.start()

    def start_servers(self):
        self.make_keys()
        self.database.start()
        self.start_nats()

    def key(self, name):
        seed, public = self.folder / f"keys/{name}.seed", self.folder / f"keys/{name}.public"
        if not public.exists():
            public.write_text(subprocess.run([self.binaries / "worldshare-agent", "--init-key", seed], check=True,
                                             capture_output=True, text=True).stdout)
        return seed, public.read_text().strip()

    def make_keys(self):
        for name in ("dispatcher", "verifier", "operator", *self.agents):
            self.key(name)
        for name in ("api-token", "url-secret"):
            path = self.folder / "keys" / name
            if not path.exists():
                path.touch(0o600)
                path.write_text(os.urandom(24).hex())

    def start_nats(self):
        address = self.address("nats")
        environment = {"WS_NATS_NAME": "chaos", "WS_NATS_LISTEN": f"{address}:{self.port('nats')}",
                       "WS_NATS_MONITOR": f"{address}:{self.port('nats-monitor')}", "WS_PUBLIC_KEYS": str(self.folder / "keys/public"),
                       "WS_BROKER_CONFIG": str(self.broker_config())}
        public = self.folder / "keys/public"
        public.mkdir(exist_ok=True)
        for name in ("dispatcher", "verifier", "operator"):
            (public / name).write_text(self.key(name)[1])
        self.add_service("nats", [*self.on_host("nats"), "sh", ROOT / "deploy/services/broker", self.folder / "nats"], environment)
        self.wait_until("the broker", self.broker_answers)

    def broker_config(self):
        """The project's; with TLS both of its files in one, as the broker's start takes one."""
        folder = ROOT / "broker-config"
        if not self.tls:
            return folder / "nats-server.conf"
        both = (folder / "nats-server.conf").read_text() + (folder / "nats-server-tls.conf").read_text().replace('include "nats-server.conf"', "")
        path = self.folder / "nats-tls.conf"
        path.write_text(both.replace("$WS_NATS_CERT", f'"{self.tls}/server.pem"').replace("$WS_NATS_KEY", f'"{self.tls}/server.key"'))
        return path

    def broker_answers(self):
        try:
            probe = ["python3", "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)",
                     f"http://{self.address('nats')}:{self.port('nats-monitor')}/healthz"]
            return subprocess.run([*self.on_host("artist"), *probe], capture_output=True, timeout=10).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def add_service(self, name, command, environment=None, stop_signal=signal.SIGTERM):
        self.services[name] = Service(name, command, self.folder / f"logs/{name}.log", environment, stop_signal)
        self.services[name].start()

    def config(self, name, content):
        """Its YAML file. What the settings say of its kind goes in, section by section."""
        if self.tls:
            content["nats"].update(url=self.broker_url(), ca_file=f"{self.tls}/ca.pem")
        for section, values in self.settings.get(name.partition("-")[0], {}).items():
            content[section] = {**content.get(section, {}), **values}
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(content, indent=1))  # JSON is YAML
        return path

    def blobs(self, name):
        """One folder for all; with an object store (settings) one for each service."""
        store = self.settings.get("s3")
        return {"directory": str(self.folder / "blobs" / name), "s3": store} if store else {"directory": str(self.folder / "blobs")}

    def dispatcher_config(self, name):
        certificate = {"certificate_file": f"{self.tls}/server.pem", "key_file": f"{self.tls}/server.key"} if self.tls else {}
        return self.config(name, {
            "http": {"address": self.address(name), "port": self.port(name), "allow_plain": True, "api_token_from_anywhere": True, "api_token_file": str(self.folder / "keys/api-token"),
                     "url_secret_file": str(self.folder / "keys/url-secret"), **certificate},
            "blobs": self.blobs(name),
            "nats": {"url": self.broker_url(), "allow_plain": True, "seed_file": str(self.key("dispatcher")[0]), "streams_file": str(ROOT / "broker-config/streams.yaml"),
                     "agents_conf_file": str(self.folder / "nats/agents.conf"), "broker_pid_file": str(self.folder / "nats/nats.pid"),
                     "broker_monitor_url": f"http://{self.address('nats')}:{self.port('nats-monitor')}"},
            "postgres": {"conninfo": self.database.conninfo(), "sql_directory": str(ROOT / "schemas/sql")},
            # Short, so that what is lost is noticed while somebody watches.
            "lease": {"initial_seconds": 30, "extend_seconds": 20, "report_grace_seconds": 20, "sibling_hold_seconds": 0,
                      "pair_after_commit": False, "max_expiries": 1000, "poison_owners": 1000},
            "agents": {"heartbeat_seconds": 1}, "startup": {"wait_seconds": 20}})

    def verifier_config(self, name):
        return self.config(name, {
            "http": {"address": self.address(name), "port": self.port(name)}, "blobs": self.blobs(name),
            "nats": {"url": self.broker_url(), "allow_plain": True, "seed_file": str(self.key("verifier")[0])},
            "dispatcher": {"public_key": self.key("dispatcher")[1]}, "postgres": {"conninfo": self.database.conninfo()},
            "assembly": {"agent_program": str(self.binaries / "worldshare-agent"), "folder": str(self.folder / f"assembly-{name}")},
            "trust": {"policy": "founding"}, "startup": {"wait_seconds": 20}})

    def agent_config(self, name):
        return self.config(name, {
            "nats": {"url": self.broker_url(), "allow_plain": True},
            "http": {"allow_plain": True, **({"ca_file": f"{self.tls}/ca.pem"} if self.tls else {})},
            "agent": {"seed_file": str(self.key(name)[0]), "state_folder": str(self.folder / name), "nice": 0, "threads": 1,
                      "heartbeat_seconds": 1, **self.findings()},
            "sandbox": {"mode": "auto"}})

    def findings(self):
        """Blender is asked once for all agents of all tests; programs of the version before may not know how."""
        return {} if "WS_OLD_BINARIES" in os.environ else {"findings_folder": str(self.binaries.parent / "state/findings")}

    def provision(self):
        """Tables, streams, and the agents' enrolment; on the broker's host, whose process is told to reload."""
        program, config = self.binaries / "worldshare-dispatcher", self.dispatcher_config(self.dispatchers[0])
        self.run("nats", program, "--config", config, "--provision")
        for name in self.agents:
            self.run("nats", program, "--config", config, "--enrol", self.key(name)[1], "--owner", f"volunteer-{name[6:]}")

    def start_services(self):
        for name in [*self.dispatchers, *self.verifiers, *self.agents]:
            self.start_service(name)

    def start_service(self, name):
        """A dispatcher, verifier or agent of self.binaries, also in the place of an older one."""
        if name in self.services:
            self.services[name].stop()
        kind = name.partition("-")[0]
        config = {"dispatcher": self.dispatcher_config, "verifier": self.verifier_config, "agent": self.agent_config}[kind](name)
        self.add_service(name, [*self.on_host(name), *self.wrap(name), self.binaries / f"worldshare-{kind}", "--config", config])

    def wrap(self, name):
        """What starts this program, such as env NAME=VALUE."""
        clocks = self.settings.get("clocks")
        return [*self.settings.get("wrap", {}).get(name, []), *(clocks.wrap(name) if clocks else [])]

    def kill_host(self, name):
        """A machine that is gone with all that ran on it, and does not come back by itself."""
        pids = descendants(self.services[name].process.pid)
        self.services[name].stop(signal.SIGKILL)
        signal_all(pids, signal.SIGKILL)

    def _look_after_all(self):
        while not self._ended.wait(RESTART_SECONDS):
            for service in list(self.services.values()):
                service.look_after()

    # -- use
    def run(self, host, *command, check=True, timeout=120):
        ran = subprocess.run([*self.on_host(host), *map(str, command)], capture_output=True, text=True, timeout=timeout, cwd="/")
        if check and ran.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: {ran.returncode}\n{ran.stdout}{ran.stderr}\n{self.last_words()}")
        return ran

    def psql(self, query, database=DATABASE, check=True):
        return self.database.psql(query, database, check)

    def cli(self, *arguments, check=True, timeout=120, dispatcher=0):
        name = self.dispatchers[dispatcher]
        authority = ["--ca", f"{self.tls}/ca.pem"] if self.tls else ["--allow-plain"]
        return self.run("artist", self.binaries / "worldshare", *arguments, "--server", self.web_url(name), *authority,
                        "--token-file", self.folder / "keys/api-token", check=check, timeout=timeout)

    def submit(self, scene, frames, *options):
        return self.cli("submit", scene, "--frames", frames, *options).stdout.split()[0]

    def accepted(self, job):
        """Frames of a job that an artist may fetch; -1 while the database does not answer."""
        count = self.psql(f"select count(*) from outputs where job = '{job}'", check=False)
        return int(count) if count else -1

    def state(self, job):
        return self.psql(f"select state from jobs where id = '{job}'", check=False)

    def wait_until(self, what, condition, seconds=120, step=0.2):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come within {seconds} s\n{self.last_words()}")
            time.sleep(step)

    def wait_for_end(self, job, seconds):
        self.wait_until(f"the end of job {job}", lambda: self.state(job) in ("completed", "failed", "cancelled"), seconds, 0.5)

    def last_words(self, size=2500):
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-size:]}" for log in sorted((self.folder / "logs").iterdir()))

    # -- end
    def stop(self):
        """Everything, in the order in which it would be stopped by hand."""
        in_order = [*self.agents, *self.verifiers, *self.dispatchers, "nats", *self.database.hosts]
        for name in [*in_order, *(set(self.services) - set(in_order))]:
            if name in self.services:
                self.services[name].signal(signal.SIGCONT)
                self.services[name].stop()

    def close(self):
        self.stop()
        self._ended.set()
        if self.network:
            self.network.close()
