"""A long, bad cable between two network namespaces: what comes in at one end leaves at the other end later, or never.

    wire.py HUB PORT HOST --delay-ms 300 --loss 0.3

Each end is a TAP device, eth0 in HOST and PORT in HUB, which this program makes; it lives as long as the program. Packets are lost
and late as a program on a far machine meets them, on every kernel that has TAP devices, netem or not. Prints a line when it is ready."""

import argparse
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

CLONE_NEWNET, TUNSETIFF, IFF_TAP_NO_PI = 0x40000000, 0x400454CA, 0x1002
LONGEST_QUEUE = 1000  # frames on their way; a router drops what is beyond, too


def tap(namespace, name):
    """A new TAP device in a namespace; it goes when the descriptor is closed. This process stays there."""
    with open(f"/run/netns/{namespace}") as entry:
        if ctypes.CDLL(None, use_errno=True).setns(entry.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
    return device


def carry(ends, delay, loss, rng):
    on_the_way = []  # (when it arrives, number, end, frame)
    number = 0
    while True:
        wait = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
        for device in select.select(ends, [], [], wait)[0]:
            frame = os.read(device, 65536)
            if rng.random() >= loss and len(on_the_way) < LONGEST_QUEUE:
                number += 1
                heapq.heappush(on_the_way, (time.monotonic() + delay, number, ends[1 - ends.index(device)], frame))
        while on_the_way and on_the_way[0][0] <= time.monotonic():
            _, _, device, frame = heapq.heappop(on_the_way)
            try:
                os.write(device, frame)
            except OSError:
                pass  # that end is down for now


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hub")
    parser.add_argument("port")
    parser.add_argument("host")
    parser.add_argument("--delay-ms", type=float, default=0, help="each way")
    parser.add_argument("--loss", type=float, default=0, help="share of the packets, each way")
    options = parser.parse_args()
    ends = [tap(options.hub, options.port), tap(options.host, "eth0")]
    print("ready", flush=True)
    carry(ends, options.delay_ms / 1000, options.loss, random.Random(1))


if __name__ == "__main__":
    sys.exit(main())
