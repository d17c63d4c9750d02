# SPDX-License-Identifier: GPL-3.0-or-later
"""WorldShare: render on other people's machines, with frames that were checked. For Blender 3.4 to 5.x."""

bl_info = {
    "name": "WorldShare",
    "author": "The WorldShare contributors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > WorldShare, Properties > Output",
    "description": "Analyse a scene, submit it to a WorldShare farm, follow its frames",
    "category": "Render",
}

from .rim import job_operators, lifecycle, operators, panels, settings  # noqa: E402

CLASSES = (*operators.CLASSES, *job_operators.CLASSES, *panels.CLASSES)


def register():
    import bpy
    settings.register()
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    lifecycle.register()


def unregister():
    import bpy
    lifecycle.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    settings.unregister()
