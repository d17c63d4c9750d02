"""Small pictures of verified frames, loaded once each."""

import os

import bpy.utils.previews

MOST = 200
_previews = None


def icon(path):
    """An icon's number; 0 while there is no picture."""
    global _previews
    if not os.path.isfile(path):
        return 0
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if path not in _previews:
        if len(_previews) >= MOST:
            _previews.clear()
        _previews.load(path, path, "IMAGE")
    return _previews[path].icon_id


def clear():
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
