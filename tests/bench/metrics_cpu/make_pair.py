"""One frame of the demo's scene at 1920x1080, twice with different seeds: a.png and b.png as a job's output is.

blender -b --factory-startup -P tests/bench/metrics_cpu/make_pair.py -- SCENE.blend FOLDER SAMPLES
"""

import sys

import bpy


def main():
    file, folder, samples = sys.argv[sys.argv.index("--") + 1:]
    bpy.ops.wm.open_mainfile(filepath=file)
    scene = bpy.context.scene
    scene.cycles.samples = int(samples)
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.color_depth, image.compression = "PNG", "RGB", "8", 15
    for seed, name in enumerate(("a", "b")):
        scene.cycles.seed = seed
        scene.render.filepath = f"{folder}/{name}.png"
        bpy.ops.render.render(write_still=True)


main()
