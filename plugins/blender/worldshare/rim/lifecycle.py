"""The add-on's hooks in Blender: a timer that outlives files, and handlers for what happens to the scene."""

import bpy

from . import session, thumbnails


@bpy.app.handlers.persistent
def on_load(*_):
    """Another file is open: what was being read is gone. Uploads and jobs go on."""
    now = session.current
    if now is not None and now.analysis is not None:
        now.analysis.stop("another file was opened")
        now.analysis = None
        now.estimates.clear()


@bpy.app.handlers.persistent
def on_update(*_):
    now = session.current
    if now is not None and now.analysis is not None and not now.analysis.running:
        now.analysis.stale = True


HANDLERS = ((bpy.app.handlers.load_pre, on_load), (bpy.app.handlers.depsgraph_update_post, on_update),
            (bpy.app.handlers.undo_post, on_update), (bpy.app.handlers.redo_post, on_update))


def register():
    for handlers, function in HANDLERS:
        handlers.append(function)
    bpy.app.timers.register(session.tick, first_interval=0.5, persistent=True)


def unregister():
    if bpy.app.timers.is_registered(session.tick):
        bpy.app.timers.unregister(session.tick)
    for handlers, function in HANDLERS:
        handlers.remove(function)
    session.close()
    thumbnails.clear()
