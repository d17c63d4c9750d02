#!/usr/bin/env python3
"""Writes the seeds below corpus/: small valid inputs that the fuzzers start from. Needs flatc."""
import hashlib
import hmac
import json
import pathlib
import struct
import subprocess
import tempfile
import zlib

FOLDER = pathlib.Path(__file__).parent
ROOT = FOLDER.parent.parent
SHA = "a" * 64
SCENE = {"sha256": SHA, "size_bytes": 1000, "name": "a.blend"}
OUTPUT = {"width": 64, "height": 32, "format": "exr"}
ARTIFACT = {"sha256": SHA, "size_bytes": 9}
MANIFEST = {
    "title": "knot",
    "scene": SCENE,
    "frames": {"first": 1, "last": 12, "step": 2},
    "output": OUTPUT,
    "requirements": {"engine": "cycles", "blender": "3.4", "features": ["denoise_oidn"]},
    "policy": {"replicas": 2, "max_replicas": 5},
}
ASSIGNMENT = {"lease": "l", "ticket": [1, 2], "scene": SCENE, "scene_url": "http://h/x", "output": OUTPUT}
STATE = {
    "agent": "U", "sequence": 3, "slots": 2, "free_slots": [1], "scenes": [SHA],
    "capabilities": {"render_class": "blender-3_4-cpu", "engines": ["cycles", "eevee"], "threads": 8},
    "leases": [{"lease": "l", "slot": 0, "phase": "rendering", "progress": 0.5}],
}
# Samples and depth, in the order of kKinds in decode_fuzz.cc.
PNG_KINDS = [
    (1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (3, 8), (3, 16), (1, 1), (1, 2), (1, 4), (1, 8), (2, 8), (2, 16), (4, 8),
    (4, 16),
]
ERROR = {"error": {"code": "denied", "message": "no"}}
# In the order of kTypes in messages_fuzz.cc: schema, table, identifier (shared/messages/messages.h), value.
MESSAGES = [
    ("manifest", "Manifest", b"WSMA", MANIFEST),
    ("work", "Work", b"WSWK", {"body_type": "Assignment", "body": ASSIGNMENT}),
    ("agent", "AgentState", b"WSHB", STATE),
    ("agent", "HelloReply", b"WSHR", {"owner": "o", "heartbeat_ms": 9, **ERROR}),
    ("agent", "UploadRequest", b"WSUQ", {"lease": "l", **ARTIFACT}),
    ("agent", "UploadReply", b"WSUR", {"url": "http://h/x", "present": True, **ERROR}),
    ("agent", "SceneRequest", b"WSSQ", {"lease": "l"}),
    ("agent", "SceneReply", b"WSSR", {"url": "http://h/x"}),
    ("result", "Result", b"WSRE", {"lease": "l", "agent": "U", "ticket": [1], "artifact": ARTIFACT, "log_tail": "x"}),
    ("result", "SignedResult", b"WSRS", {"payload": [1, 2, 3], "signature": [4, 5]}),
    ("verdict", "Verdict", b"WSVD", {"job": "j", "unit": 4, "decision": "accepted", "artifact": SHA, "reason": "r"}),
    ("event", "Event", b"WSEV", {"job": "j", "kind": "frame_accepted", "time_ms": 5, "message": "m"}),
]


def folder(name):
    path = FOLDER / "corpus" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def flatbuffer(schema, table, identifier, value):
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "m.json"
        source.write_text(json.dumps(value))
        subprocess.run(
            ["flatc", "--binary", "-o", scratch, "-I", str(ROOT / "schemas"), "--root-type",
             f"worldshare.wire.{table}", str(ROOT / "schemas" / f"{schema}.fbs"), str(source)],
            check=True,
        )
        message = (pathlib.Path(scratch) / "m.bin").read_bytes()
        return message[:4] + identifier + message[8:]  # flatc knows one identifier for each file


def png(interlaced_comment):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(y, y + 9)) for y in range(2))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
        + chunk(b"gAMA", struct.pack(">I", 45455)) + (chunk(b"tEXt", b"a\0b") if interlaced_comment else b"")
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def exr(tiled):
    def attribute(name, kind, value):
        return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value

    window = struct.pack("<4i", 0, 0, 3, 1)
    header = struct.pack("<II", 20000630, 2 | (1 << 9 if tiled else 0))
    header += attribute(b"channels", b"chlist", b"Y\0" + struct.pack("<IIII", 1, 0, 1, 1) + b"\0")
    header += attribute(b"compression", b"compression", b"\0")
    header += attribute(b"dataWindow", b"box2i", window) + attribute(b"displayWindow", b"box2i", window)
    header += attribute(b"host", b"string", b"pc") + attribute(b"lineOrder", b"lineOrder", b"\0")
    if tiled:
        header += attribute(b"tiles", b"tiledesc", struct.pack("<IIB", 2, 2, 0))
    header += b"\0"
    places = [(x, 0, 0, 0) for x in range(2)] if tiled else [(y,) for y in range(2)]
    chunks = [struct.pack(f"<{len(p)}iI", *p, 8) + bytes(8) for p in places]
    first = len(header) + 8 * len(chunks)
    table = b"".join(struct.pack("<Q", first + i * len(chunks[0])) for i in range(len(chunks)))
    return header + table + b"".join(chunks)


def jpeg():
    def segment(marker, data):
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    return (
        b"\xff\xd8" + segment(0xE0, b"JFIF\0" + bytes(9)) + segment(0xFE, b"hi") + segment(0xDB, bytes(65))
        + segment(0xC2, struct.pack(">BHHB", 8, 2, 3, 1) + b"\x01\x11\0") + segment(0xC4, bytes(17))
        + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x12\xff\0\x34\xff\xd0\x56"
        + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x78" + b"\xff\xd9"
    )


def safetensors():
    tensors = {"a": ([2], [0, 8]), "b": ([1, 3], [8, 20])}
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": at} for name, (shape, at) in tensors.items()}
    text = json.dumps({"__metadata__": {"model": "x"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + struct.pack("<5f", *range(5))


def signed_query():
    text = f"worldshare url 1\nget\n{SHA}\n1\n1000\n".encode()
    return f"size=1&expires=1000&signature={hmac.new(b's' * 32, text, hashlib.sha256).hexdigest()}"


def main():
    for index, (schema, table, identifier, value) in enumerate(MESSAGES):
        (folder("messages") / table).write_bytes(bytes([index]) + flatbuffer(schema, table, identifier, value))
    (folder("manifest") / "full").write_text(json.dumps(MANIFEST))
    (folder("manifest") / "small").write_text(json.dumps({k: MANIFEST[k] for k in ("title", "scene", "frames", "output")}))
    (folder("image") / "plain.png").write_bytes(png(False))
    (folder("image") / "commented.png").write_bytes(png(True))
    (folder("image") / "frames.bundle").write_bytes(struct.pack("<4sIQQ", b"WSFB", 2, 3, 5) + b"abcdefgh")
    (folder("image") / "lines.exr").write_bytes(exr(False))
    (folder("image") / "tiles.exr").write_bytes(exr(True))
    (folder("image") / "progressive.jpg").write_bytes(jpeg())
    for index, (samples, depth) in enumerate(PNG_KINDS):
        row = 1 + (5 * samples * depth + 7) // 8
        rows = b"".join(bytes([y]) + bytes(range(1, row)) for y in range(5))
        (folder("decode") / f"rows{index:02}").write_bytes(b"\xff" + bytes([4, index, 255]) + rows)
    for name in ("rgba8.png", "rgb.jpg", "half_zip.exr", "float_piz.exr"):
        (folder("decode") / name).write_bytes((ROOT / "tests/golden/blender" / name).read_bytes())
    (folder("safetensors") / "two").write_bytes(safetensors())
    (folder("policy") / "shipped").write_bytes((ROOT / "verifier/policy/policy.yaml").read_bytes())
    (folder("url") / "signed").write_text(signed_query())


if __name__ == "__main__":
    main()
