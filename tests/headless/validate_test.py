"""The headless validation on this machine, and on machines that something is wrong with."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent / "validate-economy-offline-headless.sh"
BLENDER = shutil.which("blender")
CATEGORIES = ["gpu", "opengl_egl", "blender_headless", "unity_headless", "concurrent", "memory"]


def validate(*arguments):
    """(exit code, findings)"""
    ran = subprocess.run([SCRIPT, "--json", "-", *arguments], capture_output=True, text=True, timeout=600)
    return ran.returncode, json.loads(ran.stdout)


def checks(findings):
    return {f"{category['name']}.{check['name']}": check for category in findings["categories"] for check in category["checks"]}


class HeadlessValidation(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def odd_blender(self, script):
        """A Blender with something wrong; $BLENDER is the real one, its arguments are "$@"."""
        path = pathlib.Path(self.folder.name) / "blender"
        path.write_text(f"#!/bin/sh\nBLENDER={BLENDER}\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def blender_with(self, python):
        """A Blender that runs this Python first; persistent handlers outlive the loading of a file."""
        return self.odd_blender(f"exec $BLENDER -b --factory-startup -noaudio --python-expr '{python}' \"$@\"")

    def test_this_machine_renders_without_a_display(self):
        code, findings = validate()
        self.assertEqual(code, 0, findings)
        self.assertEqual([category["name"] for category in findings["categories"]], CATEGORIES)
        found = checks(findings)
        for name in ("opengl_egl.context", "opengl_egl.blender", "blender_headless.cycles_cpu", "concurrent.cpu", "memory.blender"):
            self.assertEqual(found[name]["result"], "PASS", found[name])
        self.assertEqual(found["unity_headless.render"]["result"], "SKIP")
        self.assertIn("deferred", found["unity_headless.render"]["detail"])
        if not os.path.exists("/dev/nvidia0"):
            for name in ("gpu.driver", "concurrent.gpu", "memory.gpu_driver"):
                self.assertEqual(found[name]["result"], "SKIP")
                self.assertIn("no NVIDIA device", found[name]["detail"])

    def test_a_leak_is_found(self):
        leaky = self.blender_with(
            "import bpy; kept = []; bpy.app.handlers.render_post.append("
            "bpy.app.handlers.persistent(lambda *_: kept.append(b\"x\" * (4 << 20))))")
        code, findings = validate("--blender", leaky, "--only", "memory")
        self.assertEqual(code, 1)
        self.assertEqual(checks(findings)["memory.blender"]["result"], "FAIL", findings)
        self.assertIn("grew by", checks(findings)["memory.blender"]["detail"])

    def test_blenders_that_wait_for_each_other_are_found(self):
        lock = pathlib.Path(self.folder.name) / "lock"
        code, findings = validate("--blender", self.odd_blender(f'exec flock {lock} $BLENDER "$@"'), "--only", "concurrent")
        self.assertEqual(code, 1)
        self.assertIn("do not run at the same time", checks(findings)["concurrent.cpu"]["detail"])

    def test_a_picture_without_anything_in_it_is_found(self):
        dark = self.blender_with(
            "import bpy; bpy.app.handlers.render_pre.append("
            "bpy.app.handlers.persistent(lambda scene, *_: setattr(scene.view_settings, \"exposure\", -10)))")
        code, findings = validate("--blender", dark, "--only", "blender_headless")
        self.assertEqual(code, 1)
        self.assertIn("shows nothing", checks(findings)["blender_headless.cycles_cpu"]["detail"])

    def test_a_blender_that_crashes_is_told_with_its_last_words(self):
        code, findings = validate("--blender", self.odd_blender("echo no license; exit 3"), "--only", "blender_headless")
        self.assertEqual(code, 1)
        self.assertEqual(checks(findings)["blender_headless.cycles_cpu"]["detail"], "Blender ended with 3: no license")

    def test_a_missing_blender_is_told(self):
        code, findings = validate("--blender", "/nowhere/blender", "--only", "blender_headless,memory")
        self.assertEqual(code, 1)
        for name in ("blender_headless.cycles_cpu", "memory.blender"):
            self.assertIn("is missing; give one with --blender", checks(findings)[name]["detail"])

    def test_what_is_required_must_not_be_skipped(self):
        self.assertEqual(validate("--only", "unity_headless")[0], 0)
        code, findings = validate("--only", "unity_headless", "--require", "unity_headless")
        self.assertEqual((code, findings["result"]), (1, "FAIL"))
        self.assertEqual(validate("--only", "unity_headless", "--require", "gpu.driver")[0], 1)

    def test_wrong_arguments_are_refused(self):
        for arguments in (["--only", "sound"], ["--frames", "many"], ["--frames"], ["--loud"]):
            ran = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True)
            self.assertEqual(ran.returncode, 2, arguments)
            self.assertIn("validate-economy-offline-headless: ", ran.stderr)


if __name__ == "__main__":
    unittest.main()
