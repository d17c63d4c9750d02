"""What the swarm's agents render, made by an implementation of its own."""

import hashlib
import struct
import zlib

SIDE = 16


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def honest_picture(frame):
    """The name of what an honest agent of the swarm renders; as agents/swarm/synthetic_picture.cc makes it."""
    mixed = (frame + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    base = [mixed >> shift & 255 for shift in (56, 48, 40)]
    rows = b"".join(b"\0" + bytes(value for x in range(SIDE)
                                  for value in ((base[0] + x) & 255, (base[1] + y) & 255, (base[2] + x + y) & 255))
                    for y in range(SIDE))
    head = struct.pack(">II", SIDE, SIDE) + bytes([8, 2, 0, 0, 0])
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return hashlib.sha256(png).hexdigest()
