"""Inside Blender, with a farm: submits cohort scenes with the add-on; of some, waits for the verified frame and compares it
with a local render.

in_blender.py ZIP pipeline.py --farm BINARIES FOLDER ANSWER.json NAME.. [-- NAME.. whose manifest only is to be accepted]"""

import json
import os
import sys
import traceback

import addon_case
import bpy
from addon_case import session, until


def submitted(folder, name):
    bpy.ops.wm.open_mainfile(filepath=os.path.join(folder, name + ".blend"))
    bpy.context.scene.worldshare.probe = False
    before = len(session().book.jobs)
    bpy.ops.worldshare.submit()
    until(lambda: len(session().book.jobs) > before, "the job of " + name, 120)
    return session().book.jobs[0]


def pixels(path):
    image = bpy.data.images.load(path)
    found = list(image.pixels)
    bpy.data.images.remove(image)
    return found


def rendered(folder, name):
    """How far the verified frame is from the local one."""
    job = submitted(folder, name)
    until(lambda: job["fetched"], "the frame of " + name, 240)
    if job["state"] != "completed":
        return {"name": name, "state": job["state"]}
    local = os.path.join(addon_case.FOLDER, "local.png")
    bpy.context.scene.render.filepath = local
    bpy.ops.render.render(write_still=True)
    farm, mine = pixels(job["files"]["1"]), pixels(local)
    steps = [round(abs(a - b) * 255) for a, b in zip(farm, mine)]
    return {"name": name, "state": job["state"], "same_size": len(farm) == len(mine),
            "values_that_differ": sum(step > 0 for step in steps), "largest_difference": max(steps), "values": len(steps)}


def main():
    folder, answer, *names = sys.argv[sys.argv.index("--") + 1:]
    count = names.index("--") if "--" in names else len(names)
    addon_case.install()
    found = {"rendered": [rendered(folder, name) for name in names[:count]], "accepted": []}
    for name in names[count + 1:]:
        job = submitted(folder, name)
        found["accepted"].append(name)
        bpy.ops.worldshare.control(job=job["id"], action="cancel")
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)


try:
    main()
    CODE = 0
except BaseException:
    traceback.print_exc()
    CODE = 1
sys.stdout.flush()
sys.stderr.flush()
os._exit(CODE)
