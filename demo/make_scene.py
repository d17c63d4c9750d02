"""Builds the demo's scene: a golden knot on a dark pond at dusk, and a ring of marbles that circles it.

blender -b --factory-startup -P demo/make_scene.py -- OUT.blend
        [--frames 12] [--width 480] [--height 270] [--samples 16] [--seed 7]

Needs nothing but Blender 3.4: no downloads, no textures, no denoiser. The same arguments give the same pictures.
"""

import argparse
import math
import os
import random
import sys

import bpy
from mathutils import Vector

MARBLES = 9
RING_RADIUS = 2.55
# Base colour, metallic, roughness, transmission.
MARBLE_LOOKS = [
    ((0.90, 0.10, 0.06), 0.0, 0.12, 0.0),
    ((0.95, 0.96, 1.00), 1.0, 0.04, 0.0),
    ((0.05, 0.42, 0.80), 0.0, 0.10, 0.0),
    ((1.00, 0.72, 0.10), 0.0, 0.15, 0.0),
    ((0.75, 0.95, 1.00), 0.0, 0.00, 1.0),
    ((0.02, 0.55, 0.38), 0.0, 0.12, 0.0),
    ((1.00, 0.45, 0.28), 1.0, 0.10, 0.0),
    ((0.55, 0.12, 0.65), 0.0, 0.12, 0.0),
    ((0.92, 0.90, 0.85), 0.0, 0.25, 0.0),
]


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="make_scene.py", description=__doc__.splitlines()[0])
    parser.add_argument("out", help="the .blend file to write")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--width", type=int, default=480, help="pixels")
    parser.add_argument("--height", type=int, default=270, help="pixels")
    parser.add_argument("--samples", type=int, default=16, help="per pixel")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args(argv)


def material(name, colour, metallic, roughness, transmission=0.0, specular=0.5):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    inputs = made.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*colour, 1.0)
    inputs["Metallic"].default_value = metallic
    inputs["Roughness"].default_value = roughness
    # Blender 4.0 renamed these two.
    (inputs.get("Transmission Weight") or inputs["Transmission"]).default_value = transmission
    (inputs.get("Specular IOR Level") or inputs["Specular"]).default_value = specular
    inputs["IOR"].default_value = 1.45
    return made


def mesh_object(name, vertices, faces, look):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    for polygon in mesh.polygons:
        polygon.use_smooth = True
    mesh.materials.append(look)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def tube(path, radius, sides):
    """A closed tube around a closed path, framed by parallel transport so that it does not twist on itself."""
    count = len(path)
    tangents = [(path[(i + 1) % count] - path[i - 1]).normalized() for i in range(count)]
    normal = tangents[0].orthogonal().normalized()
    vertices, faces = [], []
    for i, (centre, tangent) in enumerate(zip(path, tangents)):
        normal = (normal - tangent * normal.dot(tangent)).normalized()
        binormal = tangent.cross(normal)
        for side in range(sides):
            angle = 2.0 * math.pi * side / sides
            vertices.append(centre + radius * (math.cos(angle) * normal + math.sin(angle) * binormal))
            after, turn = (side + 1) % sides, ((i + 1) % count) * sides
            faces.append((i * sides + side, i * sides + after, turn + after, turn + side))
    return vertices, faces


def add_knot():
    def point(t):
        swing = 1.02 + 0.42 * math.cos(3.0 * t)
        return Vector((swing * math.cos(2.0 * t), swing * math.sin(2.0 * t), 0.62 * math.sin(3.0 * t)))

    path = [point(2.0 * math.pi * i / 240) for i in range(240)]
    gold = material("gold", (1.0, 0.60, 0.19), 1.0, 0.09)
    knot = mesh_object("knot", *tube(path, 0.27, 20), gold)
    knot.location = (0.0, 0.0, 1.62)
    knot.rotation_euler = (math.radians(78.0), 0.0, 0.0)
    return knot


def add_sphere(name, radius, look):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, radius=radius)
    made = bpy.context.object
    made.name = name
    for polygon in made.data.polygons:
        polygon.use_smooth = True
    made.data.materials.append(look)
    return made


def add_cylinder(name, radius, depth, height, look):
    bpy.ops.mesh.primitive_cylinder_add(vertices=96, radius=radius, depth=depth, location=(0.0, 0.0, height))
    made = bpy.context.object
    made.name = name
    bevel = made.modifiers.new("edge", "BEVEL")
    bevel.width, bevel.segments = 0.03, 3
    for polygon in made.data.polygons:
        polygon.use_smooth = True
    if hasattr(made.data, "use_auto_smooth"):  # before Blender 4.1
        made.data.use_auto_smooth = True
    else:
        made.data.set_sharp_from_angle(angle=math.radians(30))
    made.data.materials.append(look)
    return made


def add_ground():
    bpy.ops.mesh.primitive_plane_add(size=160.0)
    pond = bpy.context.object
    pond.name = "pond"
    pond.data.materials.append(material("pond", (0.012, 0.030, 0.045), 0.0, 0.07))
    stone = material("stone", (0.16, 0.14, 0.15), 0.0, 0.45)
    add_cylinder("plinth", 0.85, 0.34, 0.17, stone)
    add_cylinder("disc", 3.15, 0.10, 0.05, material("disc", (0.11, 0.11, 0.15), 0.0, 0.55, specular=0.05))


def animate_turn(target, axis, start, turns, frames):
    """Keys a steady turn, `turns` of it in `frames` frames."""
    target.rotation_euler[axis] = start
    target.keyframe_insert("rotation_euler", index=axis, frame=1)
    target.rotation_euler[axis] = start + 2.0 * math.pi * turns
    target.keyframe_insert("rotation_euler", index=axis, frame=frames + 1)
    for curve in target.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


def add_marbles(frames, seed):
    dice = random.Random(seed)
    pivot = bpy.data.objects.new("ring", None)
    bpy.context.scene.collection.objects.link(pivot)
    for i in range(MARBLES):
        colour, metallic, roughness, transmission = MARBLE_LOOKS[i % len(MARBLE_LOOKS)]
        radius = dice.uniform(0.24, 0.40)
        look = material(f"marble {i}", colour, metallic, roughness, transmission)
        marble = add_sphere(f"marble {i}", radius, look)
        angle = 2.0 * math.pi * (i + dice.uniform(-0.12, 0.12)) / MARBLES
        marble.parent = pivot
        x, y = RING_RADIUS * math.cos(angle), RING_RADIUS * math.sin(angle)
        phase, rest = dice.uniform(0.0, 2.0 * math.pi), 0.10 + radius
        for frame in range(1, frames + 2):  # every marble hops once in a loop
            hop = max(0.0, math.sin(2.0 * math.pi * (frame - 1) / frames + phase))
            marble.location = (x, y, rest + 1.05 * hop)
            marble.keyframe_insert("location", frame=frame)
    animate_turn(pivot, 2, 0.0, 1.0 / 3.0, frames)


def add_light(name, kind, energy, colour, location, target, size):
    data = bpy.data.lights.new(name, kind)
    data.energy, data.color = energy, colour
    if kind == "SUN":
        data.angle = size
    else:
        data.shadow_soft_size = size
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    made.location = location
    made.rotation_euler = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    return made


def add_sky(scene):
    """A dusk gradient over the height of the view direction; smooth, so that few samples are enough."""
    world = bpy.data.worlds.new("dusk")
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    coordinates = nodes.new("ShaderNodeTexCoord")
    split = nodes.new("ShaderNodeSeparateXYZ")
    ramp = nodes.new("ShaderNodeValToRGB")
    above = nodes.new("ShaderNodeMapRange")  # the horizon is at 0.1; nothing below it lights the scene
    above.inputs["From Min"].default_value = -1.0 / 9.0
    links.new(coordinates.outputs["Generated"], split.inputs[0])
    links.new(split.outputs["Z"], above.inputs["Value"])
    links.new(above.outputs["Result"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = 1.0
    stops = [
        (0.050, (0.02, 0.02, 0.03)),
        (0.065, (1.00, 0.40, 0.14)),
        (0.16, (0.92, 0.30, 0.17)),
        (0.25, (0.50, 0.18, 0.26)),
        (0.37, (0.17, 0.11, 0.30)),
        (1.00, (0.02, 0.05, 0.18)),
    ]
    elements = ramp.color_ramp.elements
    while len(elements) < len(stops):
        elements.new(0.5)
    for element, (position, colour) in zip(elements, stops):
        element.position = position
        element.color = (*colour, 1.0)
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = 128
    scene.world = world


def add_camera(scene):
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.location = (0.0, -8.6, 2.7)
    camera.rotation_euler = (Vector((0.0, 0.0, 1.22)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    camera.data.lens = 40.0
    scene.camera = camera


def set_render(scene, arguments):
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = arguments.width, arguments.height, 100
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    scene.frame_start, scene.frame_end, scene.frame_current = 1, arguments.frames, 1
    cycles.device, cycles.samples, cycles.seed = "CPU", arguments.samples, arguments.seed
    cycles.use_adaptive_sampling = False
    if bpy.app.version >= (3, 5):
        cycles.sampling_pattern = "TABULATED_SOBOL"  # as ranges of samples have to be rendered
    cycles.use_denoising = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 5, 0, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 5, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_direct, cycles.sample_clamp_indirect = 4.0, 0.9
    cycles.blur_glossy = 1.0
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    scene.view_settings.exposure = 0.25


def build(arguments):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    add_ground()
    animate_turn(add_knot(), 2, math.radians(12.0), 1.0 / 2.0, arguments.frames)
    add_marbles(arguments.frames, arguments.seed)
    add_light("key", "POINT", 900.0, (1.0, 0.86, 0.72), (3.2, -5.2, 5.0), (0, 0, 1), 0.8)
    add_light("rim", "POINT", 560.0, (0.30, 0.52, 1.0), (-4.4, -1.0, 4.2), (0, 0, 1), 0.8)
    add_sky(scene)
    add_camera(scene)
    set_render(scene, arguments)


def main():
    arguments = parse_arguments(sys.argv[sys.argv.index("--") + 1:] if "--" in sys.argv else [])
    build(arguments)
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1 beside it
    bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath(arguments.out), compress=True)
    print(f"scene written: {arguments.out}, {arguments.frames} frames of {arguments.width}x{arguments.height}")


main()
