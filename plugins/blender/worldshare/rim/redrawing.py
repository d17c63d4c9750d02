"""Asks Blender to draw the panels again."""

import bpy


def redraw():
    """Only where the panels are: drawing a 3D view again may take longer than everything that the add-on does."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if shows_panels(area, region):
                    region.tag_redraw()


def shows_panels(area, region):
    if area.type == "VIEW_3D":
        return region.type == "UI" and region.width > 1
    return area.type == "PROPERTIES" and region.type == "WINDOW" and area.spaces.active.context == "OUTPUT"
