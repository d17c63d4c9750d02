"""A tiny scene that is built here and rendered with one device, and what its picture is like.

Runs inside Blender 3.4 to 5.x. agents/devices/self_test.cc knows the answer. Only nodes whose meaning did not change
between releases, so that pictures differ by noise and rounding alone.
"""

import array
import hashlib
import math
import os
import time

import bpy

SIZE = 64
BLOCK = 8
SAMPLES = 32


def material(name, color, kind="ShaderNodeBsdfDiffuse"):
    out = bpy.data.materials.new(name)
    out.use_nodes = True
    nodes, links = out.node_tree.nodes, out.node_tree.links
    nodes.clear()
    shader = nodes.new(kind)
    shader.inputs["Color"].default_value = (*color, 1.0)
    links.new(shader.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return out


def checkered(name):
    out = material(name, (0.8, 0.8, 0.8))
    nodes, links = out.node_tree.nodes, out.node_tree.links
    checker = nodes.new("ShaderNodeTexChecker")
    checker.inputs["Scale"].default_value = 4.0
    checker.inputs["Color1"].default_value = (0.7, 0.7, 0.7, 1.0)
    checker.inputs["Color2"].default_value = (0.2, 0.25, 0.3, 1.0)
    shader = next(node for node in nodes if node.bl_idname == "ShaderNodeBsdfDiffuse")
    links.new(checker.outputs["Color"], shader.inputs["Color"])
    return out


def add_mesh(scene, name, points, faces, surface, location=(0.0, 0.0, 0.0), smooth=False):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    if smooth:
        mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    mesh.materials.append(surface)
    thing = bpy.data.objects.new(name, mesh)
    thing.location = location
    scene.collection.objects.link(thing)
    return thing


def ball(rings=12, segments=24, radius=0.8):
    points = [(0.0, 0.0, radius)]
    for ring in range(1, rings):
        polar = math.pi * ring / rings
        for segment in range(segments):
            turn = 2 * math.pi * segment / segments
            points.append((radius * math.sin(polar) * math.cos(turn), radius * math.sin(polar) * math.sin(turn),
                           radius * math.cos(polar)))
    points.append((0.0, 0.0, -radius))
    at = lambda ring, segment: 1 + (ring - 1) * segments + segment % segments  # noqa: E731
    faces = [(0, at(1, s), at(1, s + 1)) for s in range(segments)]
    for ring in range(1, rings - 1):
        faces += [(at(ring, s), at(ring + 1, s), at(ring + 1, s + 1), at(ring, s + 1)) for s in range(segments)]
    faces += [(at(rings - 1, s), len(points) - 1, at(rings - 1, s + 1)) for s in range(segments)]
    return points, faces


def add_things(scene):
    square = [(-4, -4, 0), (4, -4, 0), (4, 4, 0), (-4, 4, 0)]
    add_mesh(scene, "floor", square, [(0, 1, 2, 3)], checkered("floor"))
    corners = [(x, y, z) for x in (-0.7, 0.7) for y in (-0.7, 0.7) for z in (0.0, 1.4)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    box = add_mesh(scene, "box", corners, sides, material("red", (0.7, 0.1, 0.08)), (-1.1, 0.4, 0.0))
    box.rotation_euler = (0.0, 0.0, 0.6)
    add_mesh(scene, "ball", *ball(), material("green", (0.1, 0.5, 0.15)), (1.0, 0.0, 0.8), smooth=True)
    panel = [(-0.5, 0.0, -0.5), (0.5, 0.0, -0.5), (0.5, 0.0, 0.5), (-0.5, 0.0, 0.5)]
    add_mesh(scene, "panel", panel, [(0, 1, 2, 3)], material("glow", (0.3, 0.5, 1.0), "ShaderNodeEmission"),
             (0.2, 2.0, 1.6))


def add_light_and_camera(scene):
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy = 2.0
    sun.data.angle = 0.02
    sun.rotation_euler = (0.7, 0.2, 0.4)
    scene.collection.objects.link(sun)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location = (0.0, -6.0, 3.2)
    camera.rotation_euler = (1.15, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.4, 0.45, 0.5, 1.0)


def build():
    scene = bpy.data.scenes.new("self-test")
    add_things(scene)
    add_light_and_camera(scene)
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.render.use_compositing = scene.render.use_sequencer = False
    scene.cycles.samples = SAMPLES
    scene.cycles.seed = 0
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "OPEN_EXR"
    settings.color_mode = "RGBA"
    settings.color_depth = "32"
    settings.exr_codec = "ZIP"
    return scene


def rendered_pixels(scene, path):
    scene.render.filepath = path
    scene.render.use_file_extension = False
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(path)
    image.colorspace_settings.name = "Non-Color"
    pixels = array.array("f", [0.0]) * (SIZE * SIZE * image.channels)
    image.pixels.foreach_get(pixels)
    return pixels, image.channels


def block_means(pixels, channels):
    """Of red, green and blue in each block, from the bottom left, row by row."""
    side = SIZE // BLOCK
    sums = [0.0] * (side * side * 3)
    for y in range(SIZE):
        for x in range(SIZE):
            block, at = (y // BLOCK * side + x // BLOCK) * 3, (y * SIZE + x) * channels
            for channel in range(3):
                sums[block + channel] += pixels[at + channel]
    return [total / (BLOCK * BLOCK) for total in sums]


def answer(scene):
    began = time.monotonic()
    pixels, channels = rendered_pixels(scene, os.path.join(os.environ["TMPDIR"], "self-test.exr"))
    seconds = time.monotonic() - began
    means = block_means(pixels, channels)
    return {"pixels": hashlib.sha256(pixels.tobytes()).hexdigest(),
            "means": [round(mean, 6) if math.isfinite(mean) else -1.0 for mean in means], "seconds": seconds}
