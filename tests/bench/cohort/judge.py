"""Makes what is missing of the cohort, validates it, and writes what the analysis and the estimate are worth on it.

usage: judge.py [--tuning N] [--held-out N] [--estimates N] [--split held-out]"""

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


def wanted(options):
    for category in CATEGORIES:
        for seed in range(1, options.tuning + 1):
            yield category, seed, "tuning"
        for seed in range(FIRST_HELD_OUT, FIRST_HELD_OUT + options.held_out):
            yield category, seed, "held-out"


def make_missing(folder, scenes):
    missing = ["%s:%d:%s" % scene for scene in scenes if not (folder / ("%s-%03d.json" % scene[:2])).exists()]
    archive = OUT / "worldshare-blender.zip"
    subprocess.run([sys.executable, ROOT / "plugins/blender/build_zip.py", ROOT, archive], check=True)
    for start in range(0, len(missing), 20):
        subprocess.run([sys.executable, ROOT / "tests/plugin/in_blender.py", archive,
                        ROOT / "tests/bench/cohort/make_cohort.py", "--seconds", "900", folder, *missing[start:start + 20]],
                       check=True, stdout=subprocess.DEVNULL)


def read(folder, scenes):
    paths = [folder / ("%s-%03d.json" % scene[:2]) for scene in scenes]
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
    return 1 - len(wrong) / max(1, len(entries)), confusion, wrong


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
    options = parser.parse_args()
    folder, scenes = OUT / "cohort", list(wanted(options))
    folder.mkdir(parents=True, exist_ok=True)
    make_missing(folder, scenes)
    entries = read(folder, scenes)
    book = rules.load(ROOT / "plugins/blender/worldshare/rules.json", facts.EMPTY)
    held_out = [entry for entry in entries if entry["split"] == "held-out"]
    tuning = [entry for entry in entries if entry["split"] == "tuning"]
    accuracy, confusion, wrong = judge_classes(held_out, book)
    long_enough = [entry for entry in held_out if entry["ground_truth"]["cpu_seconds"] >= 1.0]
    chosen = long_enough[::max(1, len(long_enough) // max(1, options.estimates))][:options.estimates]
    ratios, inside = judge_estimates(folder, chosen)
    figures = {
        "scenes": len(entries), "held_out": len(held_out),
        "classification_accuracy_tuning": judge_classes(tuning, book)[0],
        "classification_accuracy_heldout": accuracy,
        "confusion": {"%s as %s" % pair: count for pair, count in sorted(confusion.items())}, "wrong": wrong,
        "estimates": len(ratios),
        "estimate_median_factor": 2 ** statistics.median(abs(ratio) for ratio in ratios) if ratios else None,
        "estimate_p90_factor": factor(ratios, 0.9) if ratios else None,
        "estimate_bias_factor": 2 ** statistics.median(ratios) if ratios else None,
        "estimates_inside_interval": inside,
        "analysis_ms_largest": max(entry["metrics"]["analysis_ms"] for entry in entries),
    }
    (OUT / "cohort.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


main()
