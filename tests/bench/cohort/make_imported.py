"""Inside Blender: scenes of foreign_scenes.py go through a file of another format into an empty file; what comes back is
analysed, rendered and described as the cohort's own are.

in_blender.py ZIP make_imported.py FOLDER CATEGORY:FORMAT:SEED:SPLIT.."""

import json
import os
import sys

import addon_case
import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import entries  # noqa: E402
import foreign_scenes  # noqa: E402


def through_gltf(path):
    bpy.ops.export_scene.gltf(filepath=path, export_cameras=True, export_lights=True)
    empty()
    bpy.ops.import_scene.gltf(filepath=path)


def through_fbx(path):
    bpy.ops.export_scene.fbx(filepath=path)
    empty()
    bpy.ops.import_scene.fbx(filepath=path)


def through_usd(path):
    bpy.ops.wm.usd_export(filepath=path)
    empty()
    bpy.ops.wm.usd_import(filepath=path)


FORMATS = {"gltf": (".glb", through_gltf), "fbx": (".fbx", through_fbx), "usd": (".usdc", through_usd)}


def empty():
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


def enable_importers():
    """They need numpy; that of glTF in Debian's Blender 3.4 was written for one that still had this name."""
    import numpy
    if "bool" not in numpy.__dict__:
        numpy.bool = bool
    for name in ("io_scene_gltf2", "io_scene_fbx"):
        bpy.ops.preferences.addon_enable(module=name)


def prepare(scene):
    """What an artist does after an import: a camera, a grey world, Cycles."""
    scene.camera = next(thing for thing in scene.objects if thing.type == "CAMERA")
    world = bpy.data.worlds.new("grey")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.5, 0.5, 0.5, 1)
    scene.world = world
    entries.render_settings(scene)


def make(folder, category, kind, seed, split):
    name = "foreign-%s-%s-%03d" % (category, kind, seed)
    suffix, through = FORMATS[kind]
    path = os.path.join(folder, name + suffix)
    foreign_scenes.make(category, seed, split == "held-out")
    through(path)
    prepare(bpy.context.scene)
    entry = entries.entry_of(folder, name, category, split, kind, path)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(entry, file, indent=1)


def main():
    folder, *wanted = sys.argv[sys.argv.index("--") + 1:]
    addon_case.install()
    enable_importers()
    for text in wanted:
        category, kind, seed, split = text.split(":")
        make(folder, category, kind, int(seed), split)
    os._exit(0)


main()
