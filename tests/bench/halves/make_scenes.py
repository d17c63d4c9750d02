"""Inside Blender: makes a scene of the cohort whose camera moves by two centimetres a frame, each frame with a seed of its own.

blender -b --factory-startup -P make_scenes.py -- FOLDER CATEGORY:SEED WIDTH HEIGHT SAMPLES..

FOLDER gets SAMPLES.blend for each number of samples, and what cheats render: SAMPLES-other-seed.blend and, of half the width and
height, SAMPLES-small.blend."""

import os
import sys

import bpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cohort"))
import scenes  # noqa: E402

RENDER_SEED = 1
STEP = 0.02  # metres a frame
FRAMES = 1000


def move(camera):
    place = camera.location.x
    for frame, x in ((1, place), (1 + FRAMES, place + FRAMES * STEP)):
        camera.location.x = x
        camera.keyframe_insert("location", index=0, frame=frame)
    for point in camera.animation_data.action.fcurves[0].keyframe_points:
        point.interpolation = "LINEAR"


def save(scene, path, seed=RENDER_SEED, percentage=1.0):
    size = scene.render.resolution_x, scene.render.resolution_y
    scene.cycles.seed = seed
    scene.render.resolution_x, scene.render.resolution_y = (int(side * percentage) for side in size)
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True)
    scene.render.resolution_x, scene.render.resolution_y = size


def main():
    folder, name, width, height, *all_samples = sys.argv[sys.argv.index("--") + 1:]
    category, seed = name.split(":")
    scene = scenes.make(category, int(seed), int(width), int(height), int(all_samples[0]))
    scene.cycles.use_animated_seed = True
    move(scene.camera)
    for samples in all_samples:
        scene.cycles.samples = int(samples)
        path = os.path.join(folder, samples)
        save(scene, path + ".blend")
        save(scene, path + "-other-seed.blend", seed=RENDER_SEED + 100)
        save(scene, path + "-small.blend", percentage=0.5)
    os._exit(0)


main()
