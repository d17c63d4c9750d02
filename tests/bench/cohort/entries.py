"""Inside Blender: the entry of the open scene, with its analysis by the installed add-on and a reference render."""

import hashlib
import os
import time

import addon_case
import bpy

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


def render_settings(scene):
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.frame_start = scene.frame_end = 1


def entry_of(folder, name, category, split, kind, stored):
    """`stored`: the file that the cohort keeps, of this format."""
    scene = bpy.context.scene
    picture = os.path.join(folder, name + ".png")
    found = addon_case.analyse()
    decisions, _ = addon_case.session().decisions(scene)
    seconds, luminance = reference(scene, picture)
    return {
        "version": "1.0.0", "name": name, "category": category, "split": split, "format": kind,
        "storage": {"sha256": sha256(stored), "size_bytes": os.path.getsize(stored)},
        "licence": "Apache-2.0",
        "metrics": {**found.facts, "analysis_ms": found.busy_seconds * 1000},
        "ground_truth": {
            "blender": bpy.app.version_string, "width": WIDTH, "height": HEIGHT, "samples": SAMPLES,
            "cpu_seconds": seconds, "mean_luminance": luminance, "reference_sha256": sha256(picture)},
        "hints": {"mode": decisions["mode"].value, "replicas": decisions["replicas"].value},
    }
