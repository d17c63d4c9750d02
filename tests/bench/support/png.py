"""Reads and writes small 8-bit RGB PNG files with nothing but the standard library."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Picture:
    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def copy(self):
        return Picture(self.width, self.height, [bytearray(row) for row in self.rows])

    def get(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def put(self, x, y, colour):
        self.rows[y][3 * x:3 * x + 3] = bytes(colour)


def _paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def _unfilter(kind, line, above):
    for i in range(len(line)):
        left, up, corner = line[i - 3] if i >= 3 else 0, above[i], above[i - 3] if i >= 3 else 0
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner) if kind == 4 else 0)[kind]
        line[i] = (line[i] + guess) & 255
    return line


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    place, packed = len(SIGNATURE), b""
    while place < len(data):
        size, name = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + size]
        if name == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if (depth, colour, interlaced) != (8, 2, 0):
                raise ValueError("%s: only plain 8-bit RGB" % path)
        elif name == b"IDAT":
            packed += body
        place += size + 12
    raw, stride = zlib.decompress(packed), 3 * width + 1
    rows, above = [], bytearray(3 * width)
    for y in range(height):
        above = _unfilter(raw[y * stride], bytearray(raw[y * stride + 1:(y + 1) * stride]), above)
        rows.append(above)
    return Picture(width, height, rows)


def write(picture, path):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(row) for row in picture.rows)
    with open(path, "wb") as file:
        file.write(SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
