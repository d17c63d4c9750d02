"""The schema of the cohort accepts what it should and names what is wrong."""

import copy
import json
import pathlib
import unittest

import validate

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[3] / "schemas/scene-cohort.schema.json").read_text(encoding="utf-8"))
ENTRY = {
    "version": "1.0.0", "name": "indoor-001", "category": "indoor", "split": "tuning", "format": "blend", "licence": "Apache-2.0",
    "storage": {"sha256": "0" * 64, "size_bytes": 1},
    "metrics": {"triangles": 1, "instances": 1, "materials": 1, "lights": 1, "open_view": 0.0, "enclosed": 1.0, "covered": 1.0},
    "ground_truth": {"blender": "3.4.1", "width": 1, "height": 1, "samples": 1, "cpu_seconds": 1.0, "mean_luminance": 0.5,
                     "reference_sha256": "0" * 64},
    "hints": {"mode": "automatic", "replicas": 2},
}


class SchemaTest(unittest.TestCase):
    def errors(self, *path, value=None):
        entry = copy.deepcopy(ENTRY)
        place = entry
        for name in path[:-1]:
            place = place[name]
        if path:
            place.update({path[-1]: value}) if value is not None else place.pop(path[-1])
        return list(validate.errors(entry, SCHEMA))

    def test_a_good_entry_is_good(self):
        self.assertEqual(self.errors(), [])

    def test_what_is_wrong_is_named(self):
        for path, value in ((("category",), "space"), (("storage", "size_bytes"), (10 << 30) + 1), (("storage", "sha256"), "x"),
                            (("ground_truth", "mean_luminance"), 0.0), (("format",), "obj"), (("colour",), "red"),
                            (("ground_truth", "width"), True)):
            found = self.errors(*path, value=value)
            self.assertEqual(len(found), 1, (path, found))
            self.assertIn(path[-1], found[0])
        self.assertIn("is missing", self.errors("licence")[0])


if __name__ == "__main__":
    unittest.main()
