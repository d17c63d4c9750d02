"""Text that fits: labels do not wrap by themselves."""

import functools
import textwrap

LETTER_PIXELS = 6.8
ICON_LETTERS = 4
BAR_LETTERS = (6, 24)


def letters(context):
    """How many letters fit into a box of this region."""
    scale = context.preferences.system.ui_scale
    width = context.region.width if context.region is not None else 300
    return max(16, int(width / (LETTER_PIXELS * scale)) - 7)


def sentence(text):
    """Reasons are written without a capital; names of files stay as they are."""
    return text if "." in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


@functools.lru_cache(maxsize=256)
def lines_of(text, width):
    return textwrap.wrap(sentence(text), width) or [""]


def wrapped(layout, context, text, icon="NONE"):
    """Several labels, as wide as the region."""
    lines = lines_of(text, letters(context) - (ICON_LETTERS if icon != "NONE" else 0))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def progress(layout, context, share, text):
    """A bar; drawn with text before Blender 4.0."""
    if hasattr(layout, "progress"):
        layout.progress(factor=share, text=text)
        return
    length = max(BAR_LETTERS[0], min(BAR_LETTERS[1], (letters(context) - len(text)) // 2))
    full = round(max(0.0, min(1.0, share)) * length)
    layout.label(text="\u2588" * full + "\u2591" * (length - full) + "  " + text)
