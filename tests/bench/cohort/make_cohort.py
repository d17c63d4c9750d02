"""Inside Blender: makes scenes, analyses them with the installed add-on, renders the references, writes an entry for each.

in_blender.py ZIP make_cohort.py FOLDER CATEGORY:SEED:SPLIT.."""

import hashlib
import json
import os
import sys
import time

import addon_case
import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scenes  # noqa: E402

WIDTH, HEIGHT, SAMPLES = 192, 108, 24


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def reference(scene, path):
    """(CPU seconds, mean luminance) of a render into this PNG."""
    scene.render.filepath = path
    begin = time.process_time()
    bpy.ops.render.render(write_still=True)
    seconds = time.process_time() - begin
    image = bpy.data.images.load(path)
    pixels = list(image.pixels)
    count = len(pixels) // 4
    red, green, blue = (sum(pixels[i::4]) / count for i in range(3))
    bpy.data.images.remove(image)
    return seconds, 0.2126 * red + 0.7152 * green + 0.0722 * blue


def entry_of(folder, category, seed, split):
    name = "%s-%03d" % (category, seed)
    scene = scenes.make(category, seed, WIDTH, HEIGHT, SAMPLES)
    blend, picture = os.path.join(folder, name + ".blend"), os.path.join(folder, name + ".png")
    bpy.ops.wm.save_as_mainfile(filepath=blend, compress=True)
    found = addon_case.analyse()
    decisions, _ = addon_case.session().decisions(scene)
    seconds, luminance = reference(scene, picture)
    return {
        "version": "1.0.0", "name": name, "category": category, "split": split, "format": "blend",
        "storage": {"sha256": sha256(blend), "size_bytes": os.path.getsize(blend)},
        "licence": "Apache-2.0",
        "metrics": {**found.facts, "analysis_ms": found.busy_seconds * 1000},
        "ground_truth": {
            "blender": bpy.app.version_string, "width": WIDTH, "height": HEIGHT, "samples": SAMPLES,
            "cpu_seconds": seconds, "mean_luminance": luminance, "reference_sha256": sha256(picture)},
        "hints": {"mode": decisions["mode"].value, "replicas": decisions["replicas"].value},
    }


def main():
    folder, *wanted = sys.argv[sys.argv.index("--") + 1:]
    addon_case.install()
    for text in wanted:
        category, seed, split = text.split(":")
        entry = entry_of(folder, category, int(seed), split)
        with open(os.path.join(folder, entry["name"] + ".json"), "w", encoding="utf-8") as file:
            json.dump(entry, file, indent=1)
    os._exit(0)


main()
