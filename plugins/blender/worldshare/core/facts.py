"""The facts about a scene that rules may use: names, meanings, and what an empty scene has."""

EMPTY = {
    # What is rendered
    "engine": "cycles",
    "width": 0, "height": 0, "megapixels": 0.0,
    "frames": 0,
    "samples": 0,            # per pixel
    "adaptive": False,
    "bounces": 0,
    "features": (),          # what an agent's Blender must have
    "whole_frames": "",      # what forbids dividing a frame, in words
    # Geometry, on the evaluated depsgraph
    "objects": 0, "instances": 0, "instances_counted": True,
    "vertices": 0, "faces": 0,
    "triangles": 0,          # of all instances
    "unique_triangles": 0,   # each mesh once: what memory is for
    "render_triangles": 0,   # unique, with the subdivision of the render
    "hair_strands": 0, "particles": 0, "volumes": 0,
    "extent": 0.0,           # diagonal of the bounding box, metres
    # Look
    "materials": 0, "textures": 0, "texture_bytes": 0,
    "glass": 0, "subsurface": 0, "emissive": 0,   # materials
    "lights": 0, "light_types": (),
    "sky": "none",           # none, colour, texture, procedural
    # Time
    "animated": 0,           # data-blocks with animation
    "simulations": 0,
    # Seen from the camera, 0..1; see sight.py
    "camera": False,
    "open_view": 0.0,        # rays of the view that hit nothing
    "enclosed": 0.0,         # upper hemisphere around the camera that is blocked
    "covered": 0.0,          # of the seen points, those with something above
    # From the above
    "complexity": 0, "complexity_reasons": "nothing remarkable",
    "class": "outdoor",
    "memory_bytes": 0,
    # Estimate; 0: not known
    "seconds_per_frame": 0.0,
}


def complete(known):
    """`known` over the empty scene's facts; a fact that nobody knows is an error of the caller."""
    unknown = set(known) - set(EMPTY)
    if unknown:
        raise KeyError("unknown facts: %s" % ", ".join(sorted(unknown)))
    return {**EMPTY, **known}


# Blender alone, and what a pixel of the film costs (measured on Blender 3.4, see docs/benchmarks.md and plugins/blender/README.md).
BASE_BYTES = 230 << 20
FILM_BYTES_PER_PIXEL = 55
TRIANGLE_BYTES = 250
PROCEDURAL_SKY_BYTES = 350 << 20


def memory_bytes(facts):
    """A rough upper guess of what a render needs."""
    total = BASE_BYTES + facts["width"] * facts["height"] * FILM_BYTES_PER_PIXEL
    total += facts["render_triangles"] * TRIANGLE_BYTES + facts["texture_bytes"]
    if facts["sky"] == "procedural":
        total += PROCEDURAL_SKY_BYTES
    return total * 3 // 2
