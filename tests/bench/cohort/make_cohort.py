"""Inside Blender: makes scenes, analyses them with the installed add-on, renders the references, writes an entry for each.

in_blender.py ZIP make_cohort.py FOLDER CATEGORY:SEED:SPLIT.."""

import json
import os
import sys

import addon_case
import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import entries  # noqa: E402
import scenes  # noqa: E402


def make(folder, category, seed, split):
    name = "%s-%03d" % (category, seed)
    scene = scenes.make(category, seed, entries.WIDTH, entries.HEIGHT, entries.SAMPLES)
    blend = os.path.join(folder, name + ".blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend, compress=True)
    return entries.entry_of(folder, name, category, split, "blend", blend)


def main():
    folder, *wanted = sys.argv[sys.argv.index("--") + 1:]
    addon_case.install()
    for text in wanted:
        category, seed, split = text.split(":")
        entry = make(folder, category, int(seed), split)
        with open(os.path.join(folder, entry["name"] + ".json"), "w", encoding="utf-8") as file:
            json.dump(entry, file, indent=1)
    os._exit(0)


main()
