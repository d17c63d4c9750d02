"""Makes the add-on's core importable without Blender."""

import pathlib
import sys

ADDON = pathlib.Path(__file__).resolve().parents[3] / "plugins/blender/worldshare"
sys.path.insert(0, str(ADDON))
