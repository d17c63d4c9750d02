"""Runs the services of compose.yaml without a container engine: each in the root file system of its image, as its user, in a
network namespace of its own, so that one machine is many hosts. Needs root, buildah, bubblewrap and iproute2."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "chaos"))
from network import Network, call


class Image:
    """A container of an image whose root file system is mounted; removed by close()."""

    def __init__(self, name):
        self.name = name
        config = json.loads(call("buildah", "inspect", "--type", "image", name))["Docker"]["config"]
        self.user = config.get("User") or "0:0"
        self.entrypoint = config.get("Entrypoint") or []
        self.command = config.get("Cmd") or []
        self.environment = dict(item.split("=", 1) for item in config.get("Env") or [])
        self.folder = config.get("WorkingDir") or "/"
        self.health = (config.get("Healthcheck") or {}).get("Test", [])
        self.labels = config.get("Labels") or {}
        self.container = call("buildah", "from", "--pull-never", name)
        self.root = pathlib.Path(call("buildah", "mount", self.container))

    def run(self, *arguments):
        """What a program says that runs in it as its user. Not in a chroot, where the kernel allows no user namespace and so no sandbox."""
        user, _, group = self.user.partition(":")
        environment = [part for item in self.environment.items() for part in ("--setenv", *item)]
        return call("bwrap", "--die-with-parent", "--clearenv", *environment, "--bind", self.root, "/", "--dev", "/dev", "--bind", "/proc", "/proc",
                    "--perms", "1777", "--tmpfs", "/tmp", "--chdir", self.folder, "--", "/usr/bin/setpriv", "--reuid", user, "--regid", group or user,
                    "--clear-groups", *arguments)

    def close(self):
        call("buildah", "rm", self.container)


class Farm:
    """The services of a compose file (as docker-compose prints it, with absolute paths)."""

    def __init__(self, services, folder, image_of):
        self.services = services
        self.folder = pathlib.Path(folder)
        (self.folder / "logs").mkdir(parents=True)
        self.running = {}
        self.images = {}
        self.network = Network(f"ws{os.getpid()}")
        try:
            for name, service in services.items():
                self.images[name] = Image(image_of(service["image"]))
                self.network.add(name, service.get("network_mode") != "none")
        except BaseException:
            self.close()
            raise
        hosts = ["127.0.0.1 localhost"]
        for name, address in self.network.addresses.items():
            aliases = ((services[name].get("networks") or {}).get("default") or {}).get("aliases", [])
            hosts.append(" ".join([address, name, *aliases]))
        (self.folder / "hosts").write_text("\n".join(hosts) + "\n")
        (self.folder / "hosts").chmod(0o644)

    def binds(self, name):
        """(source, target, read only) of its volumes; those with a name are folders here."""
        for volume in self.services[name].get("volumes", []):
            source, target, *mode = volume.split(":")
            if not source.startswith("/"):
                source = self.folder / "volumes" / source
                source.mkdir(parents=True, exist_ok=True)
            yield str(source), target, mode == ["ro"]

    def inside(self, name):
        """The start of a command line that runs what follows as this service would."""
        service, image = self.services[name], self.images[name]
        user, _, group = str(service.get("user", image.user)).partition(":")
        root = image.root
        command = ["ip", "netns", "exec", self.network.namespace(name), "bwrap", "--die-with-parent", "--clearenv",
                   "--ro-bind" if service.get("read_only") else "--bind", str(root), "/", "--dev", "/dev",
                   "--bind", "/proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"]
        binds = [*self.binds(name), (str(self.folder / "hosts"), "/etc/hosts", True)]
        for source, target, read_only in binds:
            place = root / target.lstrip("/")
            if os.path.isdir(source):
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            command += ["--ro-bind" if read_only else "--bind", source, target]
        environment = {**image.environment, **(service.get("environment") or {})}
        for key, value in environment.items():
            command += ["--setenv", key, str(value)]
        command += ["--chdir", service.get("working_dir", image.folder)]
        if service.get("cap_drop") == ["ALL"]:
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        return command + ["--", "/usr/bin/setpriv", "--reuid", user, "--regid", group or user, "--clear-groups"]

    def arguments(self, name):
        service, image = self.services[name], self.images[name]
        entrypoint = service.get("entrypoint") or image.entrypoint
        return [*entrypoint, *(service.get("command") if service.get("command") is not None else image.command)]

    def log(self, name):
        return self.folder / "logs" / f"{name}.log"

    def start(self, name):
        with open(self.log(name), "a") as log:
            self.running[name] = subprocess.Popen(self.inside(name) + self.arguments(name), stdin=subprocess.DEVNULL,
                                                  stdout=log, stderr=subprocess.STDOUT, cwd="/")

    def run(self, name, *arguments, timeout=300):
        """The service once, to its end, with its image's entrypoint and these arguments or its own."""
        command = [*self.images[name].entrypoint, *arguments] if arguments else self.arguments(name)
        ran = subprocess.run(self.inside(name) + command, capture_output=True, text=True, timeout=timeout, cwd="/")
        with open(self.log(name), "a") as log:
            log.write(ran.stdout + ran.stderr)
        return ran

    def is_healthy(self, name):
        test = (self.services[name].get("healthcheck") or {}).get("test") or self.images[name].health
        return subprocess.run(self.inside(name) + test[1:], capture_output=True, cwd="/").returncode == 0

    def wait_until(self, what, condition, seconds=120):
        deadline = time.monotonic() + seconds
        while not condition():
            ended = [name for name, process in self.running.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come; ended: {ended}\n{self.last_words()}")
            time.sleep(0.2)

    def up(self, names):
        """Starts these and what they need, as their conditions say."""
        done = set()

        def bring(name):
            if name in done:
                return
            needs = self.services[name].get("depends_on", {})
            for needed in needs:
                bring(needed)
            for needed, how in needs.items():
                if how["condition"] == "service_healthy":
                    self.wait_until(f"the health of {needed}", lambda one=needed: self.is_healthy(one))
            done.add(name)
            if self.services[name].get("restart") == "no":
                ran = self.run(name)
                if ran.returncode != 0:
                    raise RuntimeError(f"{name} ended with {ran.returncode}\n{self.last_words()}")
            else:
                self.start(name)

        for name in names:
            bring(name)

    def last_words(self):
        return "\n".join(f"== {log.stem}\n{log.read_text()[-3000:]}" for log in sorted((self.folder / "logs").iterdir()))

    def processes(self):
        """All that run on the hosts: who changed its user does not die with bubblewrap."""
        return [int(pid) for name in self.network.namespaces for pid in call("ip", "netns", "pids", name).split()]

    def close(self):
        for number, seconds in ((signal.SIGTERM, 30), (signal.SIGKILL, 10)):
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self.processes() and time.monotonic() < deadline:
                time.sleep(0.2)
        for process in self.running.values():
            process.wait()
        self.network.close()
        for image in self.images.values():
            image.close()
        shutil.rmtree(self.folder)
