"""Makes what is missing of the cohort, validates it, and writes what the analysis and the estimate are worth on it.

usage: judge.py [--tuning N] [--held-out N] [--estimates N] [--foreign N] [--formats gltf,fbx]"""

import argparse
import collections
import json
import math
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "plugins/blender/worldshare"), str(pathlib.Path(__file__).parent)]
import validate  # noqa: E402

from core import estimate, facts, routing, rules, submission  # noqa: E402

CATEGORIES = ("indoor", "outdoor", "hybrid", "complex")
FIRST_HELD_OUT = 1000
OUT = ROOT / "out/bench"


class Scene:
    """One that is wanted: its name, and how the script that makes it is called and asked."""

    def __init__(self, script, category, kind, seed, split):
        self.script, self.split = script, split
        self.name = "%s-%03d" % (category, seed) if kind == "blend" else "foreign-%s-%s-%03d" % (category, kind, seed)
        self.argument = ":".join([category, *([] if kind == "blend" else [kind]), str(seed), split])


def wanted(options):
    for category in CATEGORIES:
        for seed in range(1, options.tuning + 1):
            yield Scene("make_cohort.py", category, "blend", seed, "tuning")
        for seed in range(FIRST_HELD_OUT, FIRST_HELD_OUT + options.held_out):
            yield Scene("make_cohort.py", category, "blend", seed, "held-out")


def wanted_foreign(options):
    """One of each maker for tuning, `--foreign` held out of each category and format."""
    for category in CATEGORIES:
        for kind in filter(None, options.formats.split(",")):
            for seed in (0, 1):
                yield Scene("make_imported.py", category, kind, seed, "tuning")
            for seed in range(FIRST_HELD_OUT, FIRST_HELD_OUT + options.foreign):
                yield Scene("make_imported.py", category, kind, seed, "held-out")


def make_missing(folder, scenes, archive):
    missing = [scene for scene in scenes if not (folder / (scene.name + ".json")).exists()]
    for script in sorted({scene.script for scene in missing}):
        arguments = [scene.argument for scene in missing if scene.script == script]
        for start in range(0, len(arguments), 20):
            subprocess.run([sys.executable, ROOT / "tests/plugin/in_blender.py", archive, ROOT / "tests/bench/cohort" / script,
                            "--seconds", "3600", folder, *arguments[start:start + 20]], check=True, stdout=subprocess.DEVNULL)


def read(folder, scenes):
    paths = [folder / (scene.name + ".json") for scene in scenes]
    if validate.main(ROOT / "schemas/scene-cohort.schema.json", *map(str, paths)):
        sys.exit("judge: the cohort is not valid")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def judge_classes(entries, book):
    """(accuracy, confusion, wrong names); the rules are applied to the stored facts, so that tuning needs no rendering."""
    confusion, wrong = collections.Counter(), []
    for entry in entries:
        known = {name: value for name, value in entry["metrics"].items() if name in facts.EMPTY}
        found = routing.classify(book, facts.complete(known))[0]["class"]
        confusion[entry["category"], found] += 1
        if found != entry["category"]:
            wrong.append("%s: %s" % (entry["name"], found))
    return 1 - len(wrong) / len(entries) if entries else None, confusion, wrong


def class_figures(entries, book, suffix):
    held_out = [entry for entry in entries if entry["split"] == "held-out"]
    accuracy, confusion, wrong = judge_classes(held_out, book)
    return {
        "held_out" + suffix: len(held_out),
        "classification_accuracy_tuning" + suffix: judge_classes([entry for entry in entries if entry not in held_out], book)[0],
        "classification_accuracy_heldout" + suffix: accuracy,
        "confusion" + suffix: {"%s as %s" % pair: count for pair, count in sorted(confusion.items())}, "wrong" + suffix: wrong,
    }


def judge_estimates(folder, entries):
    """log2(predicted / actual) of scenes that take a CPU second and more."""
    tools = {"program": "blender", "scripts": str(ROOT / "plugins/blender/worldshare/background"), "threads": 1}
    ratios, inside = [], 0
    for entry in entries:
        truth = entry["ground_truth"]
        probed = submission.run_probe(tools, str(folder / (entry["name"] + ".blend")), str(folder),
                                      {"first": 1, "last": 1, "step": 1}, lambda: False)
        found = estimate.estimate(probed, truth["width"] * truth["height"], truth["samples"], 1)
        ratios.append(math.log2(found["seconds"] / truth["cpu_seconds"]))
        inside += found["low"] <= truth["cpu_seconds"] <= found["high"]
    return ratios, inside


def factor(ratios, share):
    ordered = sorted(abs(ratio) for ratio in ratios)
    return 2 ** ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tuning", type=int, default=5, help="scenes of each category")
    parser.add_argument("--held-out", type=int, default=25)
    parser.add_argument("--estimates", type=int, default=20, help="held-out scenes that are probed")
    parser.add_argument("--foreign", type=int, default=4, help="held-out scenes of each category and format")
    parser.add_argument("--formats", default="gltf,fbx", help="what this Blender can read: of gltf, fbx, usd")
    options = parser.parse_args()
    folder, scenes, foreign = OUT / "cohort", list(wanted(options)), list(wanted_foreign(options))
    folder.mkdir(parents=True, exist_ok=True)
    archive = OUT / "worldshare-blender.zip"
    subprocess.run([sys.executable, ROOT / "plugins/blender/build_zip.py", ROOT, archive], check=True)
    make_missing(folder, scenes + foreign, archive)
    entries, imported = read(folder, scenes), read(folder, foreign)
    book = rules.load(ROOT / "plugins/blender/worldshare/rules.json", facts.EMPTY)
    long_enough = [entry for entry in entries if entry["split"] == "held-out" and entry["ground_truth"]["cpu_seconds"] >= 1.0]
    chosen = long_enough[::max(1, len(long_enough) // max(1, options.estimates))][:options.estimates]
    ratios, inside = judge_estimates(folder, chosen)
    figures = {
        "scenes": len(entries), **class_figures(entries, book, ""),
        "foreign": len(imported), **class_figures(imported, book, "_foreign"),
        "estimates": len(ratios),
        "estimate_median_factor": 2 ** statistics.median(abs(ratio) for ratio in ratios) if ratios else None,
        "estimate_p90_factor": factor(ratios, 0.9) if ratios else None,
        "estimate_bias_factor": 2 ** statistics.median(ratios) if ratios else None,
        "estimates_inside_interval": inside,
        "analysis_ms_largest": max(entry["metrics"]["analysis_ms"] for entry in entries + imported),
    }
    (OUT / "cohort.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


main()
