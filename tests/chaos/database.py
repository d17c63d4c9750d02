"""PostgreSQL of a farm: one server, or two of which one follows the other, so that nothing is lost that was committed."""

import os
import pathlib
import shutil
import signal
import subprocess

DATABASE, USER = "worldshare", "worldshare"
OPTIONS = {"unix_socket_directories": "", "max_connections": "100", "shared_buffers": "32MB", "tcp_keepalives_idle": "2", "tcp_keepalives_interval": "1",
           "tcp_keepalives_count": "2", "log_min_messages": "fatal", "log_min_error_statement": "panic"}
# A commit is one when the other server has it on its disk. Who lost the other looks for it at once.
PAIR = {"synchronous_standby_names": "*", "wal_keep_size": "128MB", "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s",
        "wal_retrieve_retry_interval": "500ms"}


# Debian's /usr/bin/psql asks Perl first which cluster is meant: twice the time of the program.
PROGRAMS = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


class Database:
    """Its hosts are names of the farm's; the first one is the primary until fail_over()."""

    def __init__(self, farm, hosts):
        self.farm, self.hosts = farm, list(hosts)
        self.primary = self.hosts[0]

    @property
    def standby(self):
        return next((host for host in self.hosts if host != self.primary), None)

    def conninfo(self, database=DATABASE, hosts=None):
        """For clients: whoever of them is the primary. Libpq asks one after the other."""
        hosts = hosts or self.hosts
        addresses, ports = (",".join(str(of(host)) for host in hosts) for of in (self.farm.address, self.farm.port))
        which = " target_session_attrs=read-write" if len(hosts) > 1 else ""
        return f"host={addresses} port={ports} user={USER} dbname={database} connect_timeout=5{which}"

    def psql(self, query, database=DATABASE, check=True, host=None):
        """What one server, the primary, answers, asked on its own host; None when it does not, and it need not."""
        host = host or self.primary
        ran = subprocess.run([*self.farm.on_host(host), PROGRAMS / "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database, [host]),
                              "-c", query], capture_output=True, text=True, timeout=120, cwd="/")
        if check and ran.returncode != 0:
            raise RuntimeError(f"{query}: {ran.stderr}")
        return ran.stdout.strip() if ran.returncode == 0 else None

    def dump(self, path):
        self.farm.run(self.primary, PROGRAMS / "pg_dump", "--format=custom", f"--file={path}", "-d", self.conninfo(hosts=[self.primary]))

    # -- start
    def start(self):
        self._init(self.primary)
        self._serve(self.primary)
        self.farm.wait_until("PostgreSQL", lambda: self.psql("select 1", "postgres", check=False) == "1")
        if self.standby:
            self._follow(self.standby)
        if self.psql(f"select count(*) from pg_database where datname = '{DATABASE}'", "postgres") == "0":
            self.psql(f"create database {DATABASE}", "postgres")

    def _data(self, host):
        return self.farm.folder / host / "data"

    def _as_postgres(self):
        return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--pdeathsig", "QUIT"] if os.geteuid() == 0 else []

    def _run(self, host, program, *arguments):
        """A program of PostgreSQL's, as its user, who owns the folder of this host."""
        if os.geteuid() == 0:
            shutil.chown(self._data(host).parent, "postgres")
        return subprocess.run([*self.farm.on_host(host), *self._as_postgres(), PROGRAMS / program, *map(str, arguments)],
                              capture_output=True, text=True, cwd="/")

    def _init(self, host):
        data = self._data(host)
        if (data / "PG_VERSION").exists():
            return
        ran = self._run(host, "initdb", "-D", data, "-U", USER, "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--no-locale")
        if ran.returncode != 0:
            raise RuntimeError(f"initdb: {ran.stdout}{ran.stderr}")
        with open(data / "pg_hba.conf", "a") as file:
            file.write("host all all all trust\nhost replication all all trust\n")

    def _serve(self, host):
        """The same command for both: whether a server follows says its folder (standby.signal)."""
        if host in self.farm.services:
            self.farm.services[host].start()
            return
        options = {**OPTIONS, **(PAIR if self.standby else {}), "listen_addresses": self.farm.address(host)}
        command = [*self.farm.on_host(host), *self._as_postgres(), PROGRAMS / "postgres", "-D", self._data(host), "-p", self.farm.port(host),
                   *(part for name, value in options.items() for part in ("-c", f"{name}={value}")), *self.farm.settings.get("postgres", [])]
        self.farm.add_service(host, command, stop_signal=signal.SIGINT)

    # -- two servers
    def _follow(self, host):
        """Makes this host the standby, from a copy of the primary's files."""
        self.farm.wait_until(f"a copy of the database on {host}", lambda: self._copy(host))
        self._serve(host)

    def _copy(self, host):
        shutil.rmtree(self._data(host), ignore_errors=True)
        source = f"{self.conninfo('postgres', [self.primary])} application_name={host}"
        return self._run(host, "pg_basebackup", "-d", source, "-D", self._data(host), "-R", "-c", "fast", "--no-sync").returncode == 0

    def is_in_step(self):
        """The standby has all that was committed. Only then it may take over."""
        return self.psql("select count(*) from pg_stat_replication where state = 'streaming' and sync_state = 'sync'", check=False) == "1"

    def fail_over(self):
        """The standby takes over. The old primary must be dead or out of reach; restore() makes it the next standby."""
        heir = self.standby
        self.psql("select pg_promote(true, 60)", host=heir)
        self.primary = heir

    def restore(self):
        """The old primary comes back without what it had, when nobody listens to it any more."""
        self.farm.kill_host(self.standby)
        self._follow(self.standby)
