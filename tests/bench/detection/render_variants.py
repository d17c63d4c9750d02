"""Inside Blender: renders scenes of the cohort honestly in many ways, and as cheats would. Several processes may share the work.

blender -b --factory-startup -P render_variants.py -- FOLDER CATEGORY:SEED:SAMPLES..

FOLDER/<category>-<seed>-<samples>/<render seed>/ gets honest-<threads>-<tile>-<n>.png and the cheats' pictures.
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cohort"))
import scenes  # noqa: E402

WIDTH, HEIGHT = 192, 108
RENDER_SEEDS = (1, 2)
THREADS, TILES = (1, 2, 4, 8), (64, 2048)
# One thread renders the same every time; with more a few pixels move.
HONEST = [(threads, tile, n) for threads in THREADS for tile in TILES for n in range(1 if threads == 1 else 2)]
SHAVED = (0.125, 0.25, 0.5)


def render(scene, path, threads=2, tile=2048, samples=None, seed=None):
    if os.path.exists(path):
        return
    before = scene.cycles.samples, scene.cycles.seed
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.cycles.use_auto_tile, scene.cycles.tile_size = True, tile
    scene.cycles.samples, scene.cycles.seed = samples or before[0], seed or before[1]
    scene.render.filepath = path + ".part.png"
    bpy.ops.render.render(write_still=True)
    os.replace(scene.render.filepath, path)
    scene.cycles.samples, scene.cycles.seed = before


def next_frame(scene, path):
    """What the frame before or after shows: the camera has moved on by two centimetres."""
    place = scene.camera.location.copy()
    scene.camera.location.x += 0.02
    render(scene, path)
    scene.camera.location = place


def variants(folder, category, seed, samples):
    scene = scenes.make(category, seed, WIDTH, HEIGHT, samples)
    scene.render.image_settings.color_mode = "RGB"
    for render_seed in RENDER_SEEDS:
        scene.cycles.seed = render_seed
        out = os.path.join(folder, "%s-%d-%d" % (category, seed, samples), str(render_seed))
        os.makedirs(out, exist_ok=True)
        for threads, tile, n in HONEST:
            render(scene, os.path.join(out, "honest-%d-%d-%d.png" % (threads, tile, n)), threads, tile)
        next_frame(scene, os.path.join(out, "frame.png"))
        for share in SHAVED:
            kept = round(samples * (1 - share))
            render(scene, os.path.join(out, "shaved-%g.png" % share), samples=kept)
            render(scene, os.path.join(out, "other-seed-shaved-%g.png" % share), samples=kept, seed=render_seed + 100)
        render(scene, os.path.join(out, "other-seed.png"), seed=render_seed + 100)


def main():
    folder, *wanted = sys.argv[sys.argv.index("--") + 1:]
    for text in wanted:
        category, seed, samples = text.split(":")
        variants(folder, category, int(seed), int(samples))
    os._exit(0)


if __name__ == "__main__":
    main()
