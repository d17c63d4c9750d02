"""The zip as an extension of Blender 4.2 and later: valid for Blender's own check, installed, used, removed. Before 4.2
Blender knows no extensions, and nothing is tested."""

import os
import subprocess
import sys
import unittest

import addon_case
import bpy

ZIP = os.environ["WORLDSHARE_TEST_ZIP"]
NAME = "bl_ext.user_default.worldshare"


@unittest.skipIf(bpy.app.version < (4, 2, 0), "this Blender knows no extensions")
class ExtensionTest(unittest.TestCase):
    def test_blender_finds_the_zip_valid(self):
        done = subprocess.run([bpy.app.binary_path, "--command", "extension", "validate", ZIP],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("Success", done.stdout)

    def test_it_is_installed_analyses_and_is_removed(self):
        bpy.ops.extensions.package_install_files(filepath=ZIP, repo="user_default", enable_on_install=True)
        self.assertIn(NAME, bpy.context.preferences.addons)
        settings = sys.modules[NAME + ".rim.settings"]
        self.assertEqual(settings.ADDON, NAME)
        self.assertIn(os.path.join(".user", "user_default", "worldshare"), settings.user_folder())
        bpy.ops.worldshare.analyse()
        found = sys.modules[NAME + ".rim.session"].get().analysis
        self.assertEqual((found.error, found.facts["class"]), ("", "outdoor"))
        bpy.ops.extensions.package_uninstall(repo_index=self.repository(), pkg_id="worldshare")
        self.assertNotIn(NAME, bpy.context.preferences.addons)
        self.assertEqual(dir(bpy.ops.worldshare), [])

    @staticmethod
    def repository():
        repositories = bpy.context.preferences.extensions.repos
        return next(i for i, repository in enumerate(repositories) if repository.module == "user_default")


addon_case.run()
