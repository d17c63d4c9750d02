"""From a few small renders to the time of a frame: t = fixed + k * pixels * samples, with a confidence interval."""

import math

# Two-sided 90 % quantiles of Student's t, by degrees of freedom.
T90 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 7: 1.895, 8: 1.860}
# A frame that was never rendered is not known better than this, however well the probes agree. See docs/benchmarks.md.
LEAST_SPREAD = 0.15
HISTORY_LENGTH = 50


def fit(probes):
    """(fixed, k, relative spread of k) by least squares; what a machine adds to a time is a share of it, so each probe
    weighs by one over its seconds squared. `probes`: dicts of pixels, samples, seconds."""
    points = [(probe["pixels"] * probe["samples"], max(probe["seconds"], 1e-4)) for probe in probes]
    weights = [1 / y ** 2 for _, y in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points))
    k = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points)) / spread if spread > 0 else 0.0
    if k <= 0:  # too quick to measure: all of it counts as work
        return 0.0, mean_y / max(mean_x, 1.0), 1.0
    fixed = mean_y - k * mean_x
    if fixed < 0:  # a line through the origin then
        fixed = 0.0
        k = sum(w * x * y for w, (x, y) in zip(weights, points)) / sum(w * x * x for w, (x, _) in zip(weights, points))
    free = len(points) - 2
    if free < 1:
        return fixed, k, 0.5
    residual = sum(w * (y - fixed - k * x) ** 2 for w, (x, y) in zip(weights, points)) / free
    return fixed, k, math.sqrt(residual / spread) / k * T90.get(free, 1.8)


def estimate(probed, pixels, samples, threads, correction=1.0):
    """Wall seconds of one frame on a machine like this one, with a 90 % interval, as a dict.

    `probed`: what background/probe.py wrote: CPU seconds of renders of one or several frames, each at two sizes of work.
    What is done once for a frame runs mostly on one thread, the samples on all."""
    probes = probed["probes"]
    fixed, k, spread = fit(probes)
    seconds = (fixed + k * pixels * samples / max(1, threads)) * correction
    spread = max(LEAST_SPREAD, spread)
    return {
        "seconds": seconds,
        "low": seconds * max(0.1, 1 - spread),
        "high": seconds * (1 + spread),
        "fixed_seconds": (fixed + probed["load_seconds"]) * correction,
        "threads": threads,
        "memory_bytes": max(probe["memory_bytes"] for probe in probes),
        "correction": correction,
    }


def correction_of(history, scene_class, engine):
    """The median of observed / predicted of similar scenes; 1 when fewer than three are known."""
    ratios = sorted(entry["observed"] / entry["predicted"] for entry in history
                    if entry["class"] == scene_class and entry["engine"] == engine and entry["predicted"] > 0)
    if len(ratios) < 3:
        return 1.0
    middle = len(ratios) // 2
    return ratios[middle] if len(ratios) % 2 else math.sqrt(ratios[middle - 1] * ratios[middle])


def remember(history, scene_class, engine, predicted, observed):
    entry = {"class": scene_class, "engine": engine, "predicted": predicted, "observed": observed}
    return (history + [entry])[-HISTORY_LENGTH:]


def duration_text(seconds):
    if seconds < 1:
        return "%.2f s" % seconds
    if seconds < 10:
        return "%.1f s" % seconds
    if seconds < 120:
        return "%.0f s" % seconds
    if seconds < 7200:
        return "%.0f min" % (seconds / 60)
    return "%.1f h" % (seconds / 3600)


def bytes_text(count):
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return "%d %s" % (count, unit) if unit == "B" else "%.1f %s" % (count, unit)
        count /= 1000
    return ""
