"""The manifest (schemas/manifest.fbs), made from the description of the packed copy as worldshare's CLI makes it."""

import unicodedata

LIMITS = {"frames": 1_000_000, "side": 32_768, "pixels": 1 << 28}


class ManifestError(ValueError):
    """Begins with the field's name and says what to do."""


def clean_text(text, most_bytes):
    """Without control characters, cut at a character's border."""
    plain = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cs"})
    return plain.encode("utf-8")[:most_bytes].decode("utf-8", "ignore")


def frame_count(frames):
    return (frames["last"] - frames["first"]) // frames["step"] + 1


def check_frames(frames):
    if frames["step"] < 1:
        raise ManifestError("frames.step: must be 1 or more")
    if frames["last"] < frames["first"]:
        raise ManifestError("frames.last: is before frames.first; a range runs forwards, for example 1 to 250")
    if frame_count(frames) > LIMITS["frames"]:
        raise ManifestError("frames: more than %d in one job; submit the rest as another" % LIMITS["frames"])


def check_output(description):
    for name in ("width", "height"):
        if not 1 <= description[name] <= LIMITS["side"]:
            raise ManifestError("output.%s: must be 1 to %d pixels" % (name, LIMITS["side"]))
    if description["width"] * description["height"] > LIMITS["pixels"]:
        raise ManifestError("output: more than %d pixels in a frame; lower the resolution" % LIMITS["pixels"])
    if description["format"] not in {"png", "jpeg", "exr"}:
        raise ManifestError("output.format: must be PNG, JPEG or OpenEXR; choose one in the Output properties")


def check_problems(description):
    fatal = [entry for entry in description["problems"] if entry["fatal"]]
    if fatal:
        raise ManifestError("scene: " + " ".join("%s %s" % (entry["message"], entry["remedy"]) for entry in fatal))


def estimate_of(seconds):
    """`seconds`: (per frame, fixed), or None."""
    if seconds is None:
        return {}
    return {"seconds_per_frame": round(seconds[0], 3), "fixed_seconds": round(seconds[1], 3)}


def make(description, scene, frames, decisions, title="", deadline_ms=0, seconds=None, memory_bytes=0):
    """`description`: what reader/ says of the packed file. `scene`: its sha256, size_bytes, name. `decisions`: values by
    name, see rules.json."""
    check_problems(description)
    check_frames(frames)
    check_output(description)
    manifest = {
        "version": 1,
        "title": clean_text(title or scene["name"], 200),
        "scene": {**scene, "name": clean_text(scene["name"], 255)},
        "frames": dict(frames),
        "output": {name: description[name] for name in ("width", "height", "format")},
        "requirements": {
            "engine": description["engine"],
            "blender": description["file_version"],
            "features": list(description["features"]),
        },
        "policy": {"replicas": decisions["replicas"], "max_replicas": max(decisions["replicas"], decisions["max_replicas"])},
        "estimate": estimate_of(seconds),
        "sharding": {
            "mode": decisions["mode"],
            "unit_seconds": decisions["unit_seconds"],
            "max_frames": decisions["max_frames"],
            "samples": max(0, description["samples"]),
            "adaptive": description["adaptive"],
            "whole_frames": [clean_text(reason, 200) for reason in description["whole_frames"][:32]],
        },
        "schedule": {"priority": decisions["priority"]},
    }
    if decisions.get("memory") and memory_bytes > 0:
        manifest["requirements"]["memory_bytes"] = memory_bytes
    if deadline_ms:
        manifest["schedule"]["deadline_ms"] = deadline_ms
    return manifest
