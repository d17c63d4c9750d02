"""A whole farm on free loopback ports, in a folder that goes away with it: PostgreSQL, nats-server, dispatchers, one
verifier, and swarms. PostgreSQL keeps its promises here (fsync on), because the figures are of a farm that loses nothing."""

import glob
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_S = 60
TOKEN = "token-of-the-benchmark"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, condition, seconds=PATIENCE_S, pause=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(pause)
    raise SystemExit("economy: %s does not happen within %d s" % (what, seconds))


def smallest_blend():
    """A file that passes for a packed scene: head, an empty description, end mark."""
    block = lambda code, data: code + struct.pack("<IQII", len(data), 0, 0, 1) + data
    return b"BLENDER-v304" + block(b"DNA1", b"SDNA") + block(b"ENDB", b"")


class Farm:
    def __init__(self, root, binaries, agents, statements=False):
        """Every agent belongs to an owner of its own. `statements`: PostgreSQL keeps account of them."""
        self.statements = statements
        self.root, self.binaries, self.agents, self.scene = root, binaries, agents, None
        self.pair_after_commit = False
        self.more_lease, self.more_trust = "", ""  # further settings of these sections, each behind a comma
        self.folder = tempfile.mkdtemp(prefix="ws-economy-")
        os.chmod(self.folder, 0o711)
        self.running = []
        self.ports = {name: free_port() for name in ("nats", "monitor", "verifier")}
        self.nats_url = "nats://127.0.0.1:%d" % self.ports["nats"]
        self.logs = os.path.join(self.folder, "logs")
        os.mkdir(self.logs)
        try:
            self.call(["worldshare-swarm", "--make", self.folder, "--agents", agents])
            self.start_postgres()
            self.start_nats()
        except BaseException:
            self.close()
            raise

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def program(self, name):
        return os.path.join(self.binaries, name)

    def call(self, argv, **options):
        argv = [self.program(argv[0])] + [str(word) for word in argv[1:]]
        done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False, **options)
        if done.returncode != 0:
            raise SystemExit("economy: %s: %s" % (" ".join(argv), done.stderr[-2000:]))
        return done

    def spawn(self, name, argv, stop=signal.SIGTERM, **options):
        log = open(os.path.join(self.logs, name + ".log"), "ab")
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd="/", **options)
        log.close()
        self.running.append((process, stop))
        return process

    def start_postgres(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.psql = programs + "/psql"  # /usr/bin/psql asks Perl first which cluster is meant
        data = self.path("pg")
        os.mkdir(data)
        user = "postgres" if os.geteuid() == 0 else None
        if user:
            shutil.chown(data, user)
        with open(os.path.join(self.logs, "initdb.log"), "wb") as log:
            subprocess.run([programs + "/initdb", "-D", data + "/data", "-U", "worldshare", "--auth", "trust",
                            "--no-locale", "-E", "UTF8"], stdout=log, stderr=log, check=True, user=user, cwd="/")
        settings = {"listen_addresses": "", "unix_socket_directories": data, "max_connections": "60",
                    "shared_buffers": "256MB", "max_wal_size": "4GB"}
        if self.statements:
            settings["shared_preload_libraries"] = "pg_stat_statements"
        argv = [programs + "/postgres", "-D", data + "/data"]
        for key, value in settings.items():
            argv += ["-c", "%s=%s" % (key, value)]
        self.postgres = self.spawn("postgres", argv, signal.SIGINT, user=user)
        self.conninfo = "host=%s user=worldshare dbname=postgres" % data
        wait_until("PostgreSQL", lambda: subprocess.run([self.psql, self.conninfo, "-c", "select 1"], check=False,
                                                        capture_output=True).returncode == 0)

    def sql(self, text):
        done = subprocess.run([self.psql, self.conninfo, "-XqtA", "-F", " ", "-c", text], capture_output=True, text=True,
                              check=True)
        return done.stdout.strip()

    def start_nats(self):
        config = os.path.join(self.root, "broker-config", "nats-server.conf")
        shutil.copy(config, self.path("nats-server.conf"))
        environment = dict(os.environ, WS_NATS_NAME="economy", WS_NATS_LISTEN="127.0.0.1:%d" % self.ports["nats"],
                           WS_NATS_MONITOR="127.0.0.1:%d" % self.ports["monitor"], WS_NATS_STORE=self.path("js"),
                           GOGC="400", GOMEMLIMIT="1GiB")  # as deploy/services/broker has it
        for who in ("dispatcher", "verifier", "operator"):
            key = self.call(["worldshare-agent", "--init-key", self.path(who + ".seed")], stdout=subprocess.PIPE)
            environment["WS_%s_NKEY" % who.upper()] = key.stdout.strip()
        self.dispatcher_key = environment["WS_DISPATCHER_NKEY"]
        begin = time.monotonic()
        self.nats = self.spawn("nats", ["/usr/sbin/nats-server", "-c", self.path("nats-server.conf")], env=environment)
        wait_until("nats-server", lambda: self.fetch("http://127.0.0.1:%d/varz" % self.ports["monitor"]))
        self.nats_start_s = time.monotonic() - begin

    def fetch(self, url, data=None, method=None, headers=None):
        """(status, body), or nothing when nobody answers."""
        headers = {"Authorization": "Bearer " + TOKEN, **(headers or {})}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return None

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
        return self.path(name)

    def start_dispatcher(self, name="dispatcher"):
        """(process, base URL); provision() comes first."""
        port = free_port()
        config = self.dispatcher_config(name, port)
        process = self.spawn(name, [self.program("worldshare-dispatcher"), "--config", config])
        url = "http://127.0.0.1:%d" % port
        wait_until("the dispatcher", lambda: (self.fetch(url + "/health") or [0])[0] == 200)
        return process, url

    def provision(self):
        """Tables, streams, and everybody enrolled."""
        for name, text in (("url-secret", "s" * 48), ("api-token", TOKEN)):
            os.chmod(self.write(name, text), 0o600)
        os.mkdir(self.path("blobs"))
        config = self.dispatcher_config("provision", free_port())
        self.call(["worldshare-dispatcher", "--config", config, "--provision"], stdout=subprocess.DEVNULL)
        subprocess.run([self.psql, self.conninfo, "-Xq", "-f", self.path("enrol.sql")], check=True)

    def dispatcher_config(self, name, port):
        return self.write(name + ".yaml", """
http: {{address: 127.0.0.1, port: {port}, api_token_file: {folder}/api-token, url_secret_file: {folder}/url-secret,
        connections_per_address: 0}}
blobs: {{directory: {folder}/blobs}}
nats: {{url: "{nats}", seed_file: {folder}/dispatcher.seed, streams_file: {root}/broker-config/streams.yaml}}
postgres: {{conninfo: "{pg}", sql_directory: {root}/schemas/sql}}
lease: {{sibling_hold_seconds: 0, pair_after_commit: {pair}{more}}}
log: {{level: warn}}
""".format(port=port, folder=self.folder, nats=self.nats_url, root=self.root, pg=self.conninfo,
           pair=str(self.pair_after_commit).lower(), more=self.more_lease))

    def start_verifier(self, workers, policy="founding"):
        config = self.write("verifier.yaml", """
http: {{port: {port}}}
nats: {{url: "{nats}", seed_file: {folder}/verifier.seed}}
dispatcher: {{public_key: {key}}}
blobs: {{directory: {folder}/blobs}}
postgres: {{conninfo: "{pg}"}}
workers: {workers}
trust: {{policy: {policy}{more}}}
log: {{level: warn}}
""".format(port=self.ports["verifier"], folder=self.folder, nats=self.nats_url, key=self.dispatcher_key,
           pg=self.conninfo, workers=workers, policy=policy, more=self.more_trust))
        return self.spawn("verifier", [self.program("worldshare-verifier"), "--config", config])

    def start_swarm(self, name, *flags, same_picture=True):
        out = open(self.path(name + ".json"), "wb")
        argv = [self.program("worldshare-swarm"), "--nats", self.nats_url, "--roster", self.path("roster.txt"),
                "--agents", str(self.agents), "--assignments", self.path(name + ".assignments"),
                *(["--same-picture"] if same_picture else []), *[str(flag) for flag in flags]]
        log = open(os.path.join(self.logs, name + ".log"), "ab")
        process = subprocess.Popen(argv, stdout=out, stderr=log, cwd="/")
        self.running.append((process, signal.SIGTERM))
        return process

    def end_swarm(self, name, process):
        """Its tally; stops it first."""
        process.send_signal(signal.SIGTERM)
        if process.wait(PATIENCE_S) != 0:
            raise SystemExit("economy: the swarm failed; see %s" % self.logs)
        with open(self.path(name + ".json"), encoding="utf-8") as file:
            return json.load(file)

    def assignments(self, name):
        """[(unix seconds, frame)] as the agents saw them."""
        with open(self.path(name + ".assignments"), encoding="utf-8") as file:
            lines = [line.split() for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
        return [(int(time_us) / 1e6, int(frame)) for time_us, frame in lines]

    def submit(self, url, first, last, title="null units", schedule=None, policy=None, sharding=None, estimate=None):
        if not self.scene:
            blend = smallest_blend()
            digest = hashlib.sha256(blend).hexdigest()
            status, body = self.fetch(url + "/v1/blobs/" + digest, blend, "PUT")
            if status != 201:
                raise SystemExit("economy: the scene is not taken: %s" % body)
            self.scene = {"sha256": digest, "size_bytes": len(blend), "name": "null.blend"}
        manifest = {"version": 1, "title": title, "scene": self.scene, "frames": {"first": first, "last": last},
                    "output": {"width": 16, "height": 16, "format": "png"}, "policy": policy or {"replicas": 2},
                    "schedule": schedule or {}, **({"sharding": sharding} if sharding else {}),
                    **({"estimate": estimate} if estimate else {})}
        answer = self.fetch(url + "/v1/jobs", json.dumps(manifest).encode(), "POST",
                            {"Content-Type": "application/json"})
        if not answer or answer[0] != 201:
            raise SystemExit("economy: the job is not taken: %s" % (answer,))
        return json.loads(answer[1])["id"]

    @staticmethod
    def memory_bytes(process):
        with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    @staticmethod
    def cpu_seconds(processes):
        """Of these processes and their children."""
        ticks = 0
        wanted = {process.pid for process in processes}
        for stat in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(stat, encoding="utf-8") as file:
                    fields = file.read().rsplit(") ", 1)
            except OSError:
                continue
            values = fields[1].split()
            if int(stat.split("/")[2]) in wanted or int(values[1]) in wanted:
                ticks += int(values[11]) + int(values[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self, keep=False):
        for process, stop in reversed(self.running):
            if process.poll() is None:
                process.send_signal(stop)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
