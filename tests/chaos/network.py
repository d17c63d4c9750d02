"""A network of hosts on one machine: a namespace each, on a bridge in a namespace of its own. Nothing of the machine's own network is
touched. Needs root, iproute2, and iptables for loss."""

import pathlib
import subprocess


def call(*command, **options):
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {ran.stdout}{ran.stderr}")
    return ran.stdout.strip()


class Network:
    def __init__(self, prefix):
        self.prefix = prefix
        self.hub = f"{prefix}-hub"
        self.addresses = {}
        self.ports = {}
        self.namespaces = []
        self.wires = {}
        self._add_namespace(self.hub)
        self._ip(self.hub, "link", "add", "bridge", "type", "bridge")
        self._ip(self.hub, "link", "set", "bridge", "up")

    def _add_namespace(self, name):
        call("ip", "netns", "add", name)
        self.namespaces.append(name)
        self._ip(name, "link", "set", "lo", "up")

    def _ip(self, namespace, *command):
        return call("ip", "-n", namespace, *command)

    def namespace(self, host):
        return f"{self.prefix}-{host}"

    def add(self, host, connected=True):
        namespace = self.namespace(host)
        self._add_namespace(namespace)
        if not connected:
            return
        number = len(self.addresses) + 1
        self.addresses[host] = f"10.213.77.{number}"
        self.ports[host] = f"p{number}"
        self._ip(self.hub, "link", "add", self.ports[host], "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self._ip(self.hub, "link", "set", self.ports[host], "master", "bridge", "up")
        self._plug_in(host)

    def _plug_in(self, host):
        self._ip(self.namespace(host), "addr", "add", f"{self.addresses[host]}/24", "dev", "eth0")
        self._ip(self.namespace(host), "link", "set", "eth0", "up")

    def cut(self, host, is_cut):
        """The cable out, or in again: whoever talks to this host notices nothing but silence."""
        self._ip(self.hub, "link", "set", self.ports[host], "down" if is_cut else "up")

    def slow(self, host, kilobits):
        """What comes to this host queues up to 400 ms and is dropped beyond; None: as fast as it goes."""
        port = self.ports[host]
        if kilobits is None:
            call("ip", "netns", "exec", self.hub, "tc", "qdisc", "del", "dev", port, "root")
        else:
            call("ip", "netns", "exec", self.hub, "tc", "qdisc", "add", "dev", port, "root", "tbf",
                 "rate", f"{kilobits}kbit", "burst", "8kb", "latency", "400ms")

    def lose(self, host, share):
        """This share of the packets from and to this host is lost; None: none."""
        for chain in ("INPUT", "OUTPUT"):
            if share is None:
                call("ip", "netns", "exec", self.namespace(host), "iptables", "-w", "-F", chain)
            else:
                call("ip", "netns", "exec", self.namespace(host), "iptables", "-w", "-A", chain, "-m", "statistic",
                     "--mode", "random", "--probability", str(share), "-j", "DROP")

    def lengthen(self, host, delay_ms, loss):
        """From now on this host is at the end of a long line (wire.py), where packets are late and lost, each way."""
        namespace = self.namespace(host)
        self._ip(self.hub, "link", "del", self.ports[host])
        self.wires[host] = subprocess.Popen(["python3", pathlib.Path(__file__).with_name("wire.py"), self.hub,
                                             self.ports[host], namespace, "--delay-ms", str(delay_ms), "--loss", str(loss)], stdout=subprocess.PIPE, text=True)
        if self.wires[host].stdout.readline() != "ready\n":
            raise RuntimeError("there is no TAP device for a long line")
        self._ip(self.hub, "link", "set", self.ports[host], "master", "bridge", "up")
        self._plug_in(host)

    def close(self):
        for wire in self.wires.values():
            wire.kill()
            wire.communicate()
        for namespace in reversed(self.namespaces):
            call("ip", "netns", "del", namespace)
