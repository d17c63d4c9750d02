#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the add-on's zip, the same bytes for the same sources.

usage: build_zip.py REPOSITORY_ROOT OUT.zip

The reader of scenes is the one of the render nodes: agents/blender/*.py go into the package reader/ (Apache-2.0, as their
notice there says).
"""

import pathlib
import re
import sys
import zipfile

READER_FILES = ("scene_report.py", "frame_parts.py")
READER_NOTICE = '"""The render nodes\' own reader of scenes, copied from agents/blender. Apache-2.0, unlike the rest of this add-on."""\n'
WANTED = {".py", ".json", ".toml"}
TIME = (2020, 1, 1, 0, 0, 0)


def reader_source(text):
    """Add-ons import relatively."""
    return "# SPDX-License-Identifier: Apache-2.0\n" + re.sub(r"^import scene_report$", "from . import scene_report", text, flags=re.M)


def contents(root):
    """Path in the zip → bytes."""
    addon = root / "plugins/blender/worldshare"
    found = {}
    for file in sorted(addon.rglob("*")):
        if file.suffix in WANTED and "__pycache__" not in file.parts:
            found["worldshare/" + file.relative_to(addon).as_posix()] = file.read_bytes()
    found["worldshare/LICENSE"] = (root / "plugins/blender/LICENSE").read_bytes()
    found["worldshare/reader/__init__.py"] = READER_NOTICE.encode()
    for name in READER_FILES:
        text = (root / "agents/blender" / name).read_text(encoding="utf-8")
        found["worldshare/reader/" + name] = reader_source(text).encode()
    return found


def check_versions(found):
    python = re.search(rb'"version": \((\d+), (\d+), (\d+)\)', found["worldshare/__init__.py"])
    toml = re.search(rb'^version = "(\d+)\.(\d+)\.(\d+)"', found["worldshare/blender_manifest.toml"], re.M)
    if not python or not toml or python.groups() != toml.groups():
        sys.exit("build_zip: bl_info and blender_manifest.toml tell different versions")


def main(root, out):
    found = contents(root)
    check_versions(found)
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(found.items()):
            archive.writestr(zipfile.ZipInfo(name, TIME), data, zipfile.ZIP_DEFLATED)
    print("%s: %d files, %d bytes" % (out, len(found), out.stat().st_size))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
