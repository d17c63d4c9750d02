"""Inside Blender: makes a scene of the cohort, renders frames of it honestly and as cheats would, and saves it.

blender -b --factory-startup -P render_claims.py -- FOLDER CATEGORY:SEED WIDTH HEIGHT SAMPLES

FOLDER gets scene.blend, honest.png and the cheats' pictures."""

import os
import sys

import bpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "detection"))
import render_variants as variants  # noqa: E402

RENDER_SEED = 1


def main():
    folder, name, width, height, samples = sys.argv[sys.argv.index("--") + 1:]
    category, seed = name.split(":")
    scene = variants.scenes.make(category, int(seed), int(width), int(height), int(samples))
    scene.render.image_settings.color_mode = "RGB"
    scene.cycles.seed = RENDER_SEED
    scene.render.threads_mode = "AUTO"
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "scene.blend"), compress=True)
    path = lambda name: os.path.join(folder, name + ".png")
    variants.render(scene, path("honest"))  # two threads; the agents' own frame has one
    variants.next_frame(scene, path("before"))
    for share in variants.SHAVED:
        kept = round(scene.cycles.samples * (1 - share))
        variants.render(scene, path("shaved-%g" % share), samples=kept)
    variants.render(scene, path("other-seed"), seed=RENDER_SEED + 100)
    os._exit(0)


main()
