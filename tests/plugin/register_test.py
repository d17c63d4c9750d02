"""The zip installs into a fresh configuration, registers and unregisters, and leaves nothing behind."""

import os
import threading
import unittest
import zipfile

import addon_case
import bpy


def traces():
    """What an add-on may leave behind, by kind."""
    handlers = {name: len(getattr(bpy.app.handlers, name)) for name in dir(bpy.app.handlers)
                if isinstance(getattr(bpy.app.handlers, name), list)}
    kinds = (bpy.types.Operator, bpy.types.Panel, bpy.types.PropertyGroup, bpy.types.AddonPreferences)
    classes = sorted(cls.__name__ for kind in kinds for cls in kind.__subclasses__() if is_registered(cls))
    threads = sorted(thread.name for thread in threading.enumerate())
    return {"handlers": handlers, "classes": classes, "threads": threads, "scene": "worldshare" in bpy.types.Scene.bl_rna.properties,
            "operators": dir(bpy.ops.worldshare)}


def is_registered(cls):
    return "bl_rna" in cls.__dict__


class RegisterTest(unittest.TestCase):
    def test_three_rounds_leave_nothing_behind(self):
        before = traces()
        for _ in range(3):
            addon_case.install()
            addon_case.analyse()
            during = traces()
            self.assertTrue(during["scene"])
            self.assertNotEqual(during["classes"], before["classes"])
            self.assertNotEqual(during["handlers"], before["handlers"])
            self.assertIn("submit", during["operators"])
            addon_case.disable()
            self.assertEqual(traces(), before)

    def test_the_zip_is_an_addon_and_an_extension(self):
        with zipfile.ZipFile(os.environ["WORLDSHARE_TEST_ZIP"]) as archive:
            names = archive.namelist()
        for name in ("__init__.py", "blender_manifest.toml", "LICENSE", "rules.json", "reader/scene_report.py"):
            self.assertIn("worldshare/" + name, names)
        self.assertFalse([name for name in names if "__pycache__" in name or not name.startswith("worldshare/")])

    def test_every_operator_and_panel_has_a_description_or_a_label(self):
        addon_case.install()
        import worldshare
        for cls in worldshare.CLASSES:
            self.assertTrue(getattr(cls, "bl_label", ""), cls)
        addon_case.disable()


addon_case.run()
