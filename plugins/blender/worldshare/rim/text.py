"""Text that fits: labels do not wrap by themselves."""

import textwrap

BAR = 24


def wrapped(layout, context, text, icon="NONE"):
    """Several labels, as wide as the region."""
    scale = context.preferences.system.ui_scale
    width = context.region.width if context.region is not None else 300
    lines = textwrap.wrap(text, max(20, int(width / (6.6 * scale)) - 7)) or [""]
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def progress(layout, share, text):
    """A bar; drawn with text before Blender 4.0."""
    if hasattr(layout, "progress"):
        layout.progress(factor=share, text=text)
        return
    full = round(max(0.0, min(1.0, share)) * BAR)
    layout.label(text="\u2588" * full + "\u2591" * (BAR - full) + "  " + text)
