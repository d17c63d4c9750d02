"""Renders the scene small and with few samples, and writes what that cost as JSON into ANSWER.

blender -b --factory-startup -Y FILE.blend --python-exit-code 3 -P probe.py -- ANSWER.json FRAME,FRAME,..

Seconds are CPU time of this process, so that a busy machine tells the same as an idle one."""

import json
import os
import sys
import tempfile
import time

import bpy

PROBE_PIXELS = 96 * 54
# (share of the probe's pixels, samples): two sizes of work. With adaptive sampling the time is not linear in the samples,
# so the pixels change.
FIXED_WORK = ((1.0, 4), (1.0, 16))
ADAPTIVE_WORK = ((0.25, None), (1.0, None))
BUDGET_CPU_SECONDS = 60.0


def peak_bytes():
    """Of this process; 0 where it cannot be asked for."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def set_samples(scene, samples):
    if scene.render.engine == "CYCLES":
        scene.cycles.samples = samples
    elif hasattr(scene.eevee, "taa_render_samples"):
        scene.eevee.taa_render_samples = samples


def size_of(scene):
    render = scene.render
    return render.resolution_x * render.resolution_percentage / 100, render.resolution_y * render.resolution_percentage / 100


def simplify(scene, folder):
    """What is done once per frame and not per sample is left out."""
    render = scene.render
    render.use_border = render.use_compositing = render.use_sequencer = False
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format = "PNG"
    render.filepath = os.path.join(folder, "probe")
    if render.engine == "CYCLES":
        scene.cycles.use_denoising = False
        scene.cycles.time_limit = 0
        scene.cycles.device = "CPU"


def measure(scene, size, frame, pixels, samples):
    render, scale = scene.render, min(1.0, (pixels / max(1.0, size[0] * size[1])) ** 0.5)
    render.resolution_x, render.resolution_y = (max(8, round(side * scale)) for side in size)
    render.resolution_percentage = 100
    scene.frame_set(frame)
    set_samples(scene, samples)
    begin = time.process_time()
    bpy.ops.render.render(write_still=True)
    return {
        "frame": frame,
        "pixels": render.resolution_x * render.resolution_y,
        "samples": samples,
        "seconds": time.process_time() - begin,
        "memory_bytes": peak_bytes(),
    }


def samples_of(scene):
    if scene.render.engine == "CYCLES":
        return scene.cycles.samples
    return getattr(scene.eevee, "taa_render_samples", 1)


def main(answer, frames):
    load_seconds = time.process_time()
    scene, probes = bpy.context.scene, []
    numbers, size, whole = [int(text) for text in frames.split(",")], size_of(scene), samples_of(scene)
    adaptive = scene.render.engine == "CYCLES" and scene.cycles.use_adaptive_sampling
    with tempfile.TemporaryDirectory() as folder:
        simplify(scene, folder)
        measure(scene, size, numbers[0], 64, 1)  # what only a process's first render costs
        for frame in numbers:
            for share, samples in ADAPTIVE_WORK if adaptive else FIXED_WORK:
                if len(probes) < 2 or time.process_time() < BUDGET_CPU_SECONDS:
                    probes.append(measure(scene, size, frame, PROBE_PIXELS * share, samples or whole))
    with open(answer, "w", encoding="utf-8") as file:
        json.dump({"load_seconds": load_seconds, "probes": probes}, file)


main(*sys.argv[sys.argv.index("--") + 1:])
