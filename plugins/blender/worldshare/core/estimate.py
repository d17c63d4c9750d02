"""From a few small renders to the time of a frame: t = fixed + k * pixels * samples, with a confidence interval."""

import math

# Two-sided 90 % quantiles of Student's t, by degrees of freedom.
T90 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 7: 1.895, 8: 1.860}
# A frame that was never rendered is known to this factor at best: what the probes cannot see (their size, the samples'
# spread). Measured, see docs/benchmarks.md.
LEAST_SPREAD = 1.15
HISTORY_LENGTH = 50


def fit(probes):
    """(fixed, k, relative spread of the residuals) by least squares. `probes`: dicts of pixels, samples, seconds."""
    work = [probe["pixels"] * probe["samples"] for probe in probes]
    seconds = [probe["seconds"] for probe in probes]
    n, mean_x, mean_y = len(probes), sum(work) / len(probes), sum(seconds) / len(probes)
    spread = sum((x - mean_x) ** 2 for x in work)
    k = sum((x - mean_x) * (y - mean_y) for x, y in zip(work, seconds)) / spread if spread > 0 else 0.0
    if k <= 0:  # too quick to measure: all of it counts as work
        return 0.0, mean_y / max(mean_x, 1.0), 1.0
    fixed = mean_y - k * mean_x
    if fixed < 0:  # a line through the origin then
        fixed, k = 0.0, sum(x * y for x, y in zip(work, seconds)) / sum(x * x for x in work)
    if n < 3:
        return fixed, k, 0.5
    residual = math.sqrt(sum((y - fixed - k * x) ** 2 for x, y in zip(work, seconds)) / (n - 2))
    error_of_k = residual / math.sqrt(spread)
    return fixed, k, error_of_k / k * T90.get(n - 2, 1.8)


def estimate(probed, pixels, samples, threads, correction=1.0):
    """Wall seconds of one frame on a machine like this one, with a 90 % interval, as a dict.

    `probed`: what background/probe.py wrote: CPU seconds of renders of one or several frames, each at two sizes of work.
    What is done once for a frame runs mostly on one thread, the samples on all."""
    probes = probed["probes"]
    fixed, k, spread = fit(probes)
    seconds = (fixed + k * pixels * samples / max(1, threads)) * correction
    factor = max(LEAST_SPREAD, 1.0 + spread)
    return {
        "seconds": seconds,
        "low": seconds / factor,
        "high": seconds * factor,
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
