import unittest

import paths  # noqa: F401

from core import manifest

DESCRIPTION = {
    "engine": "cycles", "file_version": "3.4", "features": ["denoise_oidn"], "width": 640, "height": 360, "format": "png",
    "samples": 64, "adaptive": False, "whole_frames": ["denoising"], "problems": [],
}
SCENE = {"sha256": "0" * 64, "size_bytes": 10, "name": "knot.blend"}
FRAMES = {"first": 1, "last": 12, "step": 1}
DECISIONS = {"replicas": 2, "max_replicas": 5, "mode": "automatic", "unit_seconds": 300, "max_frames": 1, "priority": 50}


def make(description=None, frames=FRAMES, **options):
    return manifest.make({**DESCRIPTION, **(description or {})}, SCENE, frames, DECISIONS, **options)


class ManifestTest(unittest.TestCase):
    def refused(self, **changes):
        with self.assertRaises(manifest.ManifestError) as caught:
            make(**changes)
        return str(caught.exception)

    def test_it_says_what_the_packed_copy_is(self):
        made = make(seconds=(12.34567, 1.5))
        self.assertEqual(made["output"], {"width": 640, "height": 360, "format": "png"})
        self.assertEqual(made["requirements"], {"engine": "cycles", "blender": "3.4", "features": ["denoise_oidn"]})
        self.assertEqual(made["estimate"], {"seconds_per_frame": 12.346, "fixed_seconds": 1.5})
        self.assertEqual(made["sharding"]["whole_frames"], ["denoising"])
        self.assertEqual(made["title"], "knot.blend")

    def test_what_was_not_estimated_is_left_out(self):
        self.assertEqual(make()["estimate"], {})

    def test_errors_begin_with_the_field_and_say_what_to_do(self):
        self.assertTrue(self.refused(frames={"first": 5, "last": 1, "step": 1}).startswith("frames.last: "))
        self.assertTrue(self.refused(frames={"first": 5, "last": 9, "step": 0}).startswith("frames.step: "))
        self.assertTrue(self.refused(description={"width": 0}).startswith("output.width: "))
        self.assertTrue(self.refused(description={"format": "other"}).startswith("output.format: "))
        problem = {"code": "x", "message": "The texture is missing.", "remedy": "Restore it.", "fatal": True}
        self.assertIn("Restore it.", self.refused(description={"problems": [problem]}))

    def test_notes_do_not_stop_it(self):
        note = {"code": "x", "message": "m", "remedy": "r", "fatal": False}
        self.assertEqual(make(description={"problems": [note]})["version"], 1)

    def test_texts_are_cut_at_a_character_and_have_no_controls(self):
        self.assertEqual(manifest.clean_text("a\nb\u0000é", 3), "ab")
        self.assertEqual(manifest.clean_text("äöü", 4), "äö")

    def test_more_owners_than_replicas_at_least(self):
        self.assertEqual(manifest.make(DESCRIPTION, SCENE, FRAMES, {**DECISIONS, "replicas": 7})["policy"]["max_replicas"], 7)


if __name__ == "__main__":
    unittest.main()
