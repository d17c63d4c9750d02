"""What every benchmark writes: out/bench/NAME.json and the same as a table."""

import json
import os
import platform
import subprocess


def _machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return "%s, %d cores, Linux %s" % (model, os.cpu_count(), platform.release())


def _commit(root):
    done = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def write(root, name, metrics):
    """metrics: {key: (value, unit, baseline or None)}; the ratio is value / baseline."""
    out = {}
    for key, (value, unit, baseline) in metrics.items():
        ratio = value / baseline if baseline else None
        out[key] = {"value": value, "unit": unit, "baseline": baseline, "ratio": ratio}
    folder = os.path.join(root, "out", "bench")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"metrics": out, "machine": _machine(), "commit": _commit(root)}, file, indent=2)
        file.write("\n")
    width = max(len(key) for key in out)
    print("%-*s  %12s  %-9s  %12s  %8s" % (width, "metric", "value", "unit", "baseline", "ratio"))
    for key, entry in out.items():
        show = lambda number: "-" if number is None else "%.4g" % number
        print("%-*s  %12s  %-9s  %12s  %8s" % (width, key, show(entry["value"]), entry["unit"],
                                               show(entry["baseline"]), show(entry["ratio"])))
    print(path)
