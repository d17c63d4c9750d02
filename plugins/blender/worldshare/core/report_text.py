"""The analysis as lines that people read."""

from .estimate import bytes_text, duration_text


def count_text(number):
    if number >= 10_000_000:
        return "%.0f M" % (number / 1e6)
    return "%.2f M" % (number / 1e6) if number >= 1_000_000 else "{:,}".format(number).replace(",", " ")


def lines(facts):
    """(label, text) in the order of the panel."""
    more = "" if facts["instances_counted"] else " and more"
    geometry = "%s triangles in %s instances%s" % (count_text(facts["triangles"]), count_text(facts["instances"]), more)
    memory = "%s triangles once, %s at render level" % (
        count_text(facts["unique_triangles"]), count_text(facts["render_triangles"]))
    shown = [text % count_text(facts[name]) for name, text in (
        ("volumes", "%s volumes"), ("hair_strands", "%s hair strands"), ("particles", "%s particles"),
        ("simulations", "%s simulations")) if facts[name]]
    light = "%d%s, sky: %s" % (facts["lights"], light_names(facts), facts["sky"])
    return [row for row in (
        ("Geometry", geometry),
        ("Unique", memory),
        ("Also", ", ".join(shown)),
        ("Look", "%d materials, %d textures (%s)" % (
            facts["materials"], facts["textures"], bytes_text(facts["texture_bytes"]))),
        ("Lights", light),
        ("Render", "%d x %d, %d samples%s, %d bounces" % (
            facts["width"], facts["height"], facts["samples"], " at most (adaptive)" if facts["adaptive"] else "",
            facts["bounces"])),
        ("Animation", "%d frames, %d animated data-blocks" % (facts["frames"], facts["animated"])),
        ("Size", "%.1f m across" % facts["extent"]),
        ("Memory", "about %s" % bytes_text(facts["memory_bytes"])),
    ) if row[1]]


def light_names(facts):
    return " (%s)" % ", ".join(name.lower() for name in facts["light_types"]) if facts["light_types"] else ""


def estimate_line(found):
    if not found:
        return "not estimated yet"
    return "%s a frame on this machine; 9 times of 10 between %s and %s" % (
        duration_text(found["seconds"]), duration_text(found["low"]), duration_text(found["high"]))
