"""An audit of a frame or of a part of one: the picture again, with few samples, and with all of them in some small tiles. Runs
inside Blender 3.4 to 5.x, with nothing but its Python.

The picture that comes of it has the unit's own size and format. That of a frame went the frame's own way through compositor,
view transform and dither, because what a pixel becomes there can depend on where it stands; parts are scene linear. In its tiles
it equals an honest picture; around them each block of BLOCK pixels shows the mean of its few samples, taken before the view
transform.
"""

import array
import contextlib
import os

import bpy

import frame_parts
import scene_report
from frame_parts import Refusal, changed

BLOCK = 8
PICTURE, TILE = "audit.exr", "tile.exr"
# What these make of a pixel depends on that pixel and on nothing else of the picture.
POINTWISE = {"CompositorNode" + name for name in (
    "RLayers", "Composite", "Viewer", "Gamma", "BrightContrast", "Exposure", "HueSat", "HueCorrect", "ColorBalance",
    "ColorCorrection", "CurveRGB", "Invert", "MixRGB", "AlphaOver", "SetAlpha", "PremulKey", "Math", "MapRange",
    "MapValue", "ValToRGB", "RGBToBW", "SepRGBA", "CombRGBA", "SeparateColor", "CombineColor", "RGB", "Value",
    "Posterize", "ConvertColorSpace", "Switch", "Group")} | {"NodeReroute", "NodeFrame", "NodeGroupInput", "NodeGroupOutput"}


def reasons_against(scene, unit):
    """Why this unit cannot be audited, in words for the artist; empty when it can."""
    found = frame_parts.whole_frame_reasons(scene)
    if frame_parts.is_part(unit):  # its frame is composited when it is put together
        return found
    if scene_report.format_of(scene) == "jpeg":
        found.append("JPEG, which mixes neighbouring pixels")
    for _, node in scene_report.nodes_of(scene_report.compositor_tree(scene)):
        if not node.mute and node.bl_idname not in POINTWISE:
            found.append("the compositor's node %s" % node.name)
    return found


def check_audit(scene, unit):
    reasons = reasons_against(scene, unit)
    if reasons:
        raise Refusal("not_auditable", "Frames of this scene are not audited because of: %s." % ", ".join(reasons))
    few, all_samples = unit["audit"]["samples"], unit.get("samples", [0, scene.cycles.samples])[1]
    if not 1 <= few <= all_samples:
        raise Refusal("mismatch", "The audit takes %d samples, the scene %d." % (few, all_samples))


def render_floats(scene, unit, path):
    """The picture of these pixels, scene linear; the caller removes it."""
    scene.render.filepath = path
    with frame_parts.part_settings(scene, unit):
        bpy.ops.render.render(write_still=True)
    return bpy.data.images.load(path, check_existing=False)


def floats_of(image):
    values = array.array("f", bytes(4 * len(image.pixels)))
    image.pixels.foreach_get(values)
    return values


def means_of_blocks(values, width, height):
    """Every block of BLOCK pixels, from the top left, as its mean. Blender's rows run upwards."""
    row = 4 * width
    out = array.array("f", bytes(4 * len(values)))
    for top in range(0, height, BLOCK):
        high = min(BLOCK, height - top)
        low = (height - top - high) * row
        sums = [sum(column) for column in zip(*(values[low + i * row:low + (i + 1) * row] for i in range(high)))]
        line = array.array("f")
        for left in range(0, row, 4 * BLOCK):
            block = sums[left:left + 4 * BLOCK]
            wide = len(block) // 4
            line.extend([sum(block[channel::4]) / (wide * high) for channel in range(4)] * wide)
        out[low:low + high * row] = line * high
    return out


def with_margin(box, margin, width, height):
    x0, y0, x1, y1 = box
    return [max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)]


def paste(values, tile, rendered, box, width, height):
    """`tile` holds the pixels of the box `rendered`; those of `box` replace what `values` have there."""
    x0, y0, x1, y1 = box
    stride = 4 * (rendered[2] - rendered[0])
    for y in range(y0, y1):
        source = (rendered[3] - 1 - y) * stride + 4 * (x0 - rendered[0])
        target = 4 * ((height - 1 - y) * width + x0)
        values[target:target + 4 * (x1 - x0)] = tile[source:source + 4 * (x1 - x0)]


def few_samples(scene, unit):
    """The unit with as few samples as the audit takes outside of its tiles, and the scene's settings for that."""
    few = unit["audit"]["samples"]
    if "samples" not in unit:
        return unit, {"samples": few}
    first, _, total = unit["samples"]
    return {**unit, "samples": [first, few, total]}, {}


def audited_picture(scene, unit):
    """The audit as an image of scene linear floats; the caller removes it."""
    left, top, right, bottom = unit.get("tile", [0, 0, unit["width"], unit["height"]])
    width, height = right - left, bottom - top
    picture_path, tile_path = (os.path.join(unit["output"], name) for name in (PICTURE, TILE))
    # Between tiles nothing changes, so the scene stays in the renderer.
    with changed(scene.render, {"use_persistent_data": True}):
        quick, settings = few_samples(scene, unit)
        with changed(scene.cycles, settings):
            image = render_floats(scene, quick, picture_path)
        values = means_of_blocks(floats_of(image), width, height)
        margin = frame_parts.ADAPTIVE_MARGIN if frame_parts.is_adaptive(scene) else 0
        for x0, y0, x1, y1 in unit["audit"]["tiles"]:
            place = [left + x0, top + y0, left + x1, top + y1]
            rendered = with_margin(place, margin, unit["width"], unit["height"])
            tile = render_floats(scene, {**unit, "tile": rendered}, tile_path)
            source = [edge - corner for edge, corner in zip(rendered, (left, top, left, top))]
            paste(values, floats_of(tile), source, [x0, y0, x1, y1], width, height)
            bpy.data.images.remove(tile)
    image.pixels.foreach_set(values)
    return image


def save_part(scene, image, path):
    """As the part itself is handed in."""
    with changed(scene.render.image_settings, frame_parts.float_image(scene.render.image_settings)):
        image.save_render(path, scene=scene)


def layers_nodes(tree):
    return [(owner, node) for owner, node in scene_report.nodes_of(tree)
            if node.bl_idname == "CompositorNodeRLayers" and not node.mute]


@contextlib.contextmanager
def compositor(scene):
    """The scene's own compositor; where it has none in use, one that changes nothing, for as long as it is needed."""
    switches = {"use_nodes": scene.use_nodes} if hasattr(scene, "use_nodes") else {}
    groups = {"compositing_node_group": scene.compositing_node_group} if hasattr(scene, "compositing_node_group") else {}
    with changed(scene.render, {"use_compositing": scene.render.use_compositing}), changed(scene, {**groups, **switches}):
        yield frame_parts.compositor_of(scene)


@contextlib.contextmanager
def shown(scene, image):
    """The scene as it makes a frame of this picture and renders nothing itself."""
    with compositor(scene) as tree:
        links, taken = [], []
        for owner, node in layers_nodes(tree):
            picture = owner.nodes.new("CompositorNodeImage")
            picture.image = image
            taken.append((owner, node, picture))
            links += [(owner, node.outputs[socket.name], picture.outputs[socket.name], link.to_socket)
                      for socket in node.outputs for link in socket.links]
            node.mute = True  # a node of layers that is in use would have them rendered
        for owner, _, output, target in links:
            owner.links.new(output, target)
        try:
            yield
        finally:
            for owner, output, _, target in links:
                owner.links.new(output, target)
            for owner, node, picture in taken:
                owner.nodes.remove(picture)
                node.mute = False
