#!/usr/bin/env python3
"""Writes metrics/*.png and metrics/expected.json beside this file.

An independent, slow and plain double-precision reference of every figure of the verifier's metrics
(docs/metrics.md) on small images that are made here by arithmetic: SSIM by its definition, window
by window. Standard library only. The verifier's metrics are tested against what it wrote.
"""
import json
import math
import pathlib
import struct
import zlib

FOLDER = pathlib.Path(__file__).parent / "metrics"
COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}


class Image:
    def __init__(self, width, height, channels, bits, value):
        self.width, self.height, self.channels, self.bits = width, height, channels, bits
        self.peak = (1 << bits) - 1
        self.planes = [
            [[min(self.peak, max(0, int(value(x, y, c)))) for x in range(width)] for y in range(height)]
            for c in range(channels)
        ]

    def write(self, name):
        rows = bytearray()
        for y in range(self.height):
            rows.append(0)
            for x in range(self.width):
                for c in range(self.channels):
                    rows += struct.pack(">H" if self.bits == 16 else "B", self.planes[c][y][x])

        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        ihdr = struct.pack(">IIBBBBB", self.width, self.height, self.bits, COLOUR_TYPE[self.channels], 0, 0, 0)
        data = chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")
        (FOLDER / name).write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def noise(seed):
    """0 <= value < 1 at (x, y, c), by a hash of integers."""

    def at(x, y, c):
        h = (x * 374761393 + y * 668265263 + c * 2246822519 + seed * 3266489917) & 0xFFFFFFFF
        h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
        return ((h ^ (h >> 16)) & 0xFFFF) / 65536

    return at


def scene(peak, seed=0, amount=0.0):
    at = noise(seed)

    def value(x, y, c):
        base = 0.5 + 0.3 * math.sin(0.4 * x + c) * math.cos(0.3 * y) + 0.15 * ((x // 5 + y // 4) % 2)
        return (base + amount * (at(x, y, c) - 0.5)) * peak

    return value


def colour_count(channels):
    return channels - 1 if channels in (2, 4) else channels


def sse(a, b, channels):
    return sum(
        (p - q) ** 2
        for c in channels
        for row_a, row_b in zip(a.planes[c], b.planes[c])
        for p, q in zip(row_a, row_b)
    )


def decibels(relative_mse):
    return None if relative_mse == 0 else -10 * math.log10(relative_mse)


def psnr(a, b, channels):
    return decibels(sse(a, b, channels) / (a.peak**2 * a.width * a.height * len(channels)))


def whole_blocks(image, side):
    return [
        (x, y)
        for y in range(0, image.height - side + 1, side)
        for x in range(0, image.width - side + 1, side)
    ]


def haar_energy(image, channels, x0, y0):
    squares = []
    for c in channels:
        p = image.planes[c]
        for y in range(y0, y0 + 16, 2):
            for x in range(x0, x0 + 16, 2):
                squares.append(((p[y][x] - p[y][x + 1] - p[y + 1][x] + p[y + 1][x + 1]) / 2) ** 2)
    return math.fsum(squares) / len(squares)


def noise_ratio(a, b, channels):
    e = 0.05 * (a.peak / 255) ** 2
    ratios = sorted(
        math.log2((haar_energy(b, channels, x, y) + e) / (haar_energy(a, channels, x, y) + e))
        for x, y in whole_blocks(a, 16)
    )
    return ratios[(len(ratios) - 1) // 2] if ratios else 0


def block_mean(plane, x0, y0, side):
    return sum(sum(row[x0 : x0 + side]) for row in plane[y0 : y0 + side]) / side**2


def low_pass_psnr(a, b, channels):
    squares = [
        ((block_mean(a.planes[c], x, y, 8) - block_mean(b.planes[c], x, y, 8)) / a.peak) ** 2
        for c in channels
        for x, y in whole_blocks(a, 8)
    ]
    return decibels(math.fsum(squares) / len(squares)) if squares else None


def worst_block(a, b, channels):
    """Its PSNR and its place in blocks of 32 pixels, of which the last ones may be smaller."""
    worst, place = 0, (0, 0)
    for y0 in range(0, a.height, 32):
        for x0 in range(0, a.width, 32):
            squares = [
                ((p - q) / a.peak) ** 2
                for c in channels
                for row_a, row_b in zip(a.planes[c][y0 : y0 + 32], b.planes[c][y0 : y0 + 32])
                for p, q in zip(row_a[x0 : x0 + 32], row_b[x0 : x0 + 32])
            ]
            mse = math.fsum(squares) / len(squares)
            if mse > worst:
                worst, place = mse, (x0 // 32, y0 // 32)
    return decibels(worst), place


def reflect_101(index, length):
    if length == 1:
        return 0
    while index < 0 or index >= length:
        index = -index if index < 0 else 2 * (length - 1) - index
    return index


def padded(plane):
    height, width = len(plane), len(plane[0])
    return [
        [plane[reflect_101(y, height)][reflect_101(x, width)] for x in range(-5, width + 5)]
        for y in range(-5, height + 5)
    ]


WEIGHTS = [math.exp(-((i - 5) ** 2) / 4.5) for i in range(11)]
WEIGHTS = [[p * q / sum(WEIGHTS) ** 2 for q in WEIGHTS] for p in WEIGHTS]


def window_ssim(a, b, x0, y0, peak):
    taps = [
        (WEIGHTS[j][i], a[y0 + j][x0 + i], b[y0 + j][x0 + i]) for j in range(11) for i in range(11)
    ]
    mx = math.fsum(w * p for w, p, _ in taps)
    my = math.fsum(w * q for w, _, q in taps)
    sx = math.fsum(w * (p - mx) ** 2 for w, p, _ in taps)
    sy = math.fsum(w * (q - my) ** 2 for w, _, q in taps)
    sxy = math.fsum(w * (p - mx) * (q - my) for w, p, q in taps)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    return (2 * mx * my + c1) * (2 * sxy + c2) / ((mx * mx + my * my + c1) * (sx + sy + c2))


def ssim(a, b, reflect=False):
    means = []
    for c in range(colour_count(a.channels)):
        p, q = a.planes[c], b.planes[c]
        if reflect or a.width < 11 or a.height < 11:
            p, q = padded(p), padded(q)
        values = [
            window_ssim(p, q, x, y, a.peak) for y in range(len(p) - 10) for x in range(len(p[0]) - 10)
        ]
        means.append(math.fsum(values) / len(values))
    return math.fsum(means) / len(means)


def compare(a, b):
    colour = colour_count(a.channels)
    out = {
        "sse": sse(a, b, range(colour)),
        "psnr_db": psnr(a, b, range(colour)),
        "ssim": ssim(a, b),
        "ssim_reflect": ssim(a, b, True),
        "noise_ratio": noise_ratio(a, b, range(colour)),
        "low_pass_psnr_db": low_pass_psnr(a, b, range(colour)),
    }
    out["worst_block_psnr_db"], out["worst_block"] = worst_block(a, b, range(colour))
    if colour < a.channels:
        out["alpha_psnr_db"] = psnr(a, b, range(colour, a.channels))
    return out


def pairs():
    for name, width, height, channels, bits in (
        ("rgb8", 32, 24, 3, 8),
        ("rgba8", 24, 20, 4, 8),
        ("grey8", 30, 11, 1, 8),
        ("rgb16", 20, 18, 3, 16),
        ("small8", 7, 9, 3, 8),
        ("line8", 40, 1, 3, 8),
        ("wide8", 70, 37, 3, 8),
    ):
        peak = (1 << bits) - 1
        reference = Image(width, height, channels, bits, scene(peak))
        yield name, reference, {
            "slight": Image(width, height, channels, bits, scene(peak, 1, 0.03)),
            "strong": Image(width, height, channels, bits, scene(peak, 2, 0.6)),
        }


def main():
    FOLDER.mkdir(exist_ok=True)
    expected = []
    for name, reference, others in pairs():
        reference.write(f"{name}.png")
        expected.append({"a": f"{name}.png", "b": f"{name}.png", **compare(reference, reference)})
        for degree, other in others.items():
            other.write(f"{name}_{degree}.png")
            expected.append({"a": f"{name}.png", "b": f"{name}_{degree}.png", **compare(reference, other)})
    text = ",\n ".join(json.dumps(entry) for entry in expected)
    (FOLDER / "expected.json").write_text("[" + text + "]\n")


if __name__ == "__main__":
    main()
