"""What everything that is ours adds to Blender: the job's wall time with 1 and with 2 local agents over
`blender -b FILE -a` of the same frames times the replicas, in turns, medians.

Usage: overhead.py [--rounds 3] [--frames 8] [--samples 48]; needs the release build and Blender."""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import report  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORLDSHARE = os.path.join(ROOT, "build", "release", "bin", "worldshare")


def run(command, log):
    begin = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=True)
    return time.monotonic() - begin


def blender(scene, frames, folder):
    return run(["blender", "-b", "-noaudio", scene, "-o", os.path.join(folder, "local_####"),
                "-s", "1", "-e", str(frames), "-a"], os.path.join(folder, "blender.log"))


def worldshare(scene, frames, agents, folder):
    """(the job's seconds, the whole command's seconds)"""
    log = os.path.join(folder, "agents-%d.log" % agents)
    whole = run([WORLDSHARE, "render", scene, "--frames", "1-%d" % frames, "--agents", str(agents),
                 "-o", os.path.join(folder, "frames-%d" % agents)], log)
    with open(log, encoding="utf-8") as text:
        found = re.search(r"%d of %d frames verified in ([0-9.]+) s" % (frames, frames), text.read())
    if not found:
        sys.exit("the job did not verify every frame; see " + log)
    return float(found.group(1)), whole


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--samples", type=int, default=48)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="worldshare-bench-")
    scene = os.path.join(folder, "scene.blend")
    run(["blender", "-b", "--factory-startup", "--python-exit-code", "3", "-P",
         os.path.join(ROOT, "demo", "make_scene.py"), "--", scene, "--frames", str(options.frames),
         "--samples", str(options.samples)], os.path.join(folder, "scene.log"))
    local, job, whole = [], {1: [], 2: []}, {1: [], 2: []}
    for _ in range(options.rounds):
        local.append(blender(scene, options.frames, folder))
        for agents in (1, 2):
            seconds, command = worldshare(scene, options.frames, agents, folder)
            job[agents].append(seconds)
            whole[agents].append(command)
    shutil.rmtree(folder)
    # One agent renders each frame once, two agents render it twice.
    metrics = {"blender_seconds_per_frame": (statistics.median(local) / options.frames, "s", None)}
    for agents, noun in ((1, "1_agent"), (2, "2_agents")):
        baseline = [seconds * agents for seconds in local]
        overheads = [a / b - 1 for a, b in zip(job[agents], baseline)]
        commands = [a / b - 1 for a, b in zip(whole[agents], baseline)]
        metrics["job_seconds_" + noun] = (statistics.median(job[agents]), "s", statistics.median(baseline))
        metrics["overhead_fraction_" + noun] = (statistics.median(overheads), "fraction", None)
        metrics["overhead_fraction_with_start_" + noun] = (statistics.median(commands), "fraction", None)
    report.write(ROOT, "overhead", metrics)


main()
