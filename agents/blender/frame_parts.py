"""Parts of frames, tiles and ranges of samples: which scenes allow them, how they are rendered, and how the assembled
frame becomes the artist's image. Runs inside Blender 3.4 to 5.x, with nothing but its Python.
"""

import contextlib

import bpy

import scene_report

# Around a tile, where the sampling is adaptive.
ADAPTIVE_MARGIN = 4
# The pretabulated patterns of Blender 3.4 and older have a period of at least so many samples.
PATTERN_SAMPLES = 256


class Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def is_adaptive(scene):
    return scene.render.engine == "CYCLES" and scene.cycles.use_adaptive_sampling


def has_ranges(scene):
    """Whether its samples merge, range by range, with noise of their own: less scrambling makes that of neighbours alike."""
    scrambled = getattr(scene.cycles, "scrambling_distance", 1.0) >= 1.0 if scene.render.engine == "CYCLES" else True
    return scrambled and not is_adaptive(scene)


def whole_frame_reasons(scene):
    """What of this scene needs the whole frame at once, in words for the artist; empty when parts of a frame will do.

    The compositor does not count where it works on the picture alone: it runs once, on the assembled frame."""
    if scene.render.engine != "CYCLES":
        return ["the engine %s" % scene_report.engine_of(scene)]
    render, cycles, found = scene.render, scene.cycles, []
    if scene_report.needs_denoiser(scene):
        found.append("denoising")
    if sum(layer.use for layer in scene.view_layers) != 1:
        found.append("several view layers")
    own_samples = any(getattr(layer, "samples", 0) > 0 for layer in scene.view_layers)
    if own_samples and getattr(cycles, "use_layer_samples", "USE") != "IGNORE":
        found.append("samples of the view layer")
    if render.use_border:
        found.append("the render region")
    if render.use_freestyle:
        found.append("Freestyle")
    if render.use_stamp:
        found.append("metadata burnt into the image")
    if scene_report.sequencer_strips(scene):
        found.append("the sequencer")
    if cycles.time_limit > 0:
        found.append("the time limit")
    if getattr(cycles, "use_guiding", False):
        found.append("path guiding")
    if getattr(cycles, "auto_scrambling_distance", False):
        found.append("the automatic scrambling distance")
    return found + compositor_reasons(scene)


def compositor_reasons(scene):
    found = set()
    for tree, node in scene_report.nodes_of(scene_report.compositor_tree(scene)):
        if node.bl_idname != "CompositorNodeRLayers" or node.mute:
            continue
        if node.scene not in (None, scene):
            found.add("another scene in the compositor")
        for socket in node.outputs:
            if socket.is_linked and socket.name not in {"Image", "Alpha"}:
                found.add("the compositor reads %s" % socket.name)
    return sorted(found)


def check_part(scene, unit):
    """A part of a frame must be what the same pixels and samples of the whole would be."""
    require_divisible(scene)
    adaptive = is_adaptive(scene)
    if "samples" in unit and not has_ranges(scene):
        raise Refusal("not_divisible", "Ranges of samples do not merge with adaptive sampling or a scrambling distance below 1.")
    if "tile" in unit and adaptive and unit["margin"] < ADAPTIVE_MARGIN:
        raise Refusal("mismatch", "Adaptive sampling needs %d pixels around a tile." % ADAPTIVE_MARGIN)
    if "samples" in unit and unit["samples"][2] != scene.cycles.samples:
        raise Refusal("mismatch", "The job says %d samples, the scene has %d." % (
            unit["samples"][2], scene.cycles.samples))


def is_part(unit):
    return "tile" in unit or "samples" in unit


@contextlib.contextmanager
def changed(owner, values):
    """Sets properties in this order and, at the end, sets them back in the same: what a property may be can depend on
    those before it."""
    before = {name: getattr(owner, name) for name in values}
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def known(owner, values):
    """Those that this Blender has."""
    return {name: value for name, value in values.items() if name in owner.bl_rna.properties}


def float_image(settings):
    """Scene-linear floats without loss, straight out of the render."""
    return known(settings, {
        "media_type": "IMAGE",  # 5.0; before file_format
        "file_format": "OPEN_EXR",
        "color_mode": "RGBA",
        "color_depth": "32",
        "exr_codec": "ZIP",
        "use_zbuffer": False,
        "use_preview": False,
        "color_management": "FOLLOW_SCENE",
    })


def border(unit):
    """Blender truncates border * size, a product of single precision that may lie just below the pixel meant; a
    quarter of a pixel keeps it above. Its y runs upwards."""
    x0, y0, x1, y1 = unit["tile"]

    def edge(pixel, size):
        return 0.0 if pixel <= 0 else 1.0 if pixel >= size else (pixel + 0.25) / size

    width, height = unit["width"], unit["height"]
    return {
        "use_border": True,
        "use_crop_to_border": True,
        "border_min_x": edge(x0, width),
        "border_max_x": edge(x1, width),
        "border_min_y": edge(height - y1, height),
        "border_max_y": edge(height - y0, height),
    }


def sample_range(cycles, unit):
    first, count, total = unit["samples"]
    if "use_sample_subset" in cycles.bl_rna.properties:  # 4.4
        return {"use_sample_subset": True, "sample_offset": first, "sample_subset_length": count}
    values = {"sample_offset": first, "samples": count}
    if bpy.app.version >= (3, 5):  # the other patterns repeat or correlate from part to part
        return {"sampling_pattern": "TABULATED_SOBOL", **values}
    # 3.4: the tabulated pattern of a part is that of the whole as long as neither exceeds its period.
    return {"sampling_pattern": "SOBOL", **values} if total > PATTERN_SAMPLES else values


@contextlib.contextmanager
def part_settings(scene, unit):
    """The scene as it renders a part of a frame: linear floats, and nothing that needs the rest of the picture."""
    render = scene.render
    frame = {"use_compositing": False, "use_sequencer": False, "dither_intensity": 0.0}
    with contextlib.ExitStack() as stack:
        stack.enter_context(changed(render, frame))
        stack.enter_context(changed(render.image_settings, float_image(render.image_settings)))
        if "tile" in unit:
            stack.enter_context(changed(render, border(unit)))
        if "samples" in unit:
            stack.enter_context(changed(scene.cycles, sample_range(scene.cycles, unit)))
        yield


def describe(scene):
    return {"adaptive": not has_ranges(scene), "whole_frames": whole_frame_reasons(scene)}


def require_divisible(scene):
    reasons = whole_frame_reasons(scene)
    if reasons:
        raise Refusal("not_divisible", "Frames of this scene stay whole because of: %s." % ", ".join(reasons))


def compositor_of(scene):
    """The scene's compositor, made when it has none; with its picture's way out."""
    tree = scene_report.compositor_tree(scene)
    if tree is not None:
        return tree
    scene.render.use_compositing = True
    if hasattr(scene, "compositing_node_group"):  # 5.0
        tree = bpy.data.node_groups.new("finish", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    if "precision" in tree.bl_rna.properties:
        tree.precision = "FULL"
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], output.inputs[0])
    return tree


def take_layers_from_image(scene):
    """Every Render Layers node becomes an Image node; Blender then renders nothing itself. Returns the new nodes."""
    made = []
    for tree, node in list(scene_report.nodes_of(compositor_of(scene))):
        if node.bl_idname != "CompositorNodeRLayers":
            continue
        image_node = tree.nodes.new("CompositorNodeImage")
        image_node.mute = node.mute
        for link in [link for socket in node.outputs for link in socket.links]:
            made.append((image_node, link.from_socket.name, link.to_socket))
        tree.nodes.remove(node)
    return made


def show(image, links):
    """The picture that the nodes of take_layers_from_image() hand on."""
    for node, output, target in links:
        node.image = image
        node.id_data.links.new(node.outputs[output], target)
