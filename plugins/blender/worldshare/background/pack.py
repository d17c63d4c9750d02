"""Packs the file that is open into OUT and describes what a render node will see, as JSON in ANSWER.

blender -b --factory-startup -Y COPY.blend --python-exit-code 3 -P pack.py -- OUT.blend ANSWER.json"""

import json
import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from reader import frame_parts, scene_report  # noqa: E402  the same reader as on a render node


def pack():
    """What cannot be packed stays outside, and the description names it."""
    for step in (bpy.ops.file.make_paths_relative, bpy.ops.file.pack_libraries, bpy.ops.file.pack_all):
        try:
            step()
        except RuntimeError as error:
            print("pack: %s" % error)


def main(out, answer):
    pack()
    scene = bpy.context.scene
    description = {**scene_report.describe(scene), **frame_parts.describe(scene)}
    bpy.ops.wm.save_as_mainfile(filepath=out, copy=True, compress=True, relative_remap=False)
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(description, file)


main(*sys.argv[sys.argv.index("--") + 1:])
