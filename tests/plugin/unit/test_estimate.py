import random
import unittest

import paths  # noqa: F401

from core import estimate


def probed(fixed, k, noise=0.0, seed=1):
    draw = random.Random(seed)
    probes = [{"pixels": 5184, "samples": samples, "memory_bytes": 7,
               "seconds": (fixed + k * 5184 * samples) * (1 + draw.uniform(-noise, noise))}
              for _ in range(3) for samples in (4, 16)]
    return {"load_seconds": 0.5, "probes": probes}


class EstimateTest(unittest.TestCase):
    def test_a_line_is_found_exactly(self):
        found = estimate.estimate(probed(1.0, 3e-6), 1_000_000, 64, 1)
        self.assertAlmostEqual(found["seconds"], 1.0 + 3e-6 * 64e6, places=6)
        self.assertAlmostEqual(found["fixed_seconds"], 1.5, places=6)

    def test_threads_share_the_samples_not_what_is_done_once(self):
        found = estimate.estimate(probed(1.0, 3e-6), 1_000_000, 64, 4)
        self.assertAlmostEqual(found["seconds"], 1.0 + 3e-6 * 64e6 / 4, places=6)

    def test_the_interval_holds_the_truth_nine_times_of_ten(self):
        truth, held = 0.2 + 3e-6 * 64e6, 0
        for seed in range(200):
            found = estimate.estimate(probed(0.2, 3e-6, 0.1, seed), 1_000_000, 64, 1)
            held += found["low"] <= truth <= found["high"]
        self.assertGreaterEqual(held, 180)

    def test_too_quick_to_measure_still_gives_a_number(self):
        found = estimate.estimate(probed(0.1, 0.0), 1_000_000, 64, 1)
        self.assertGreater(found["seconds"], 0)
        self.assertGreater(found["high"] / found["seconds"], 1.9)

    def test_what_the_farm_saw_corrects_after_three_scenes(self):
        history = []
        for observed in (20.0, 22.0):
            history = estimate.remember(history, "indoor", "cycles", 10.0, observed)
        self.assertEqual(estimate.correction_of(history, "indoor", "cycles"), 1.0)
        history = estimate.remember(history, "indoor", "cycles", 10.0, 18.0)
        self.assertEqual(estimate.correction_of(history, "indoor", "cycles"), 2.0)
        self.assertEqual(estimate.correction_of(history, "outdoor", "cycles"), 1.0)

    def test_texts(self):
        self.assertEqual(estimate.duration_text(3.21), "3.2 s")
        self.assertEqual(estimate.duration_text(7200), "2.0 h")
        self.assertEqual(estimate.bytes_text(1_500_000), "1.5 MB")


if __name__ == "__main__":
    unittest.main()
