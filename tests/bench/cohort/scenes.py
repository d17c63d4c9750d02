"""Scenes of the cohort, made by code from a category and a seed; the category is what was built, not what was found.

indoor: a room closed all round, at most a small window behind the camera. outdoor: open land under the sky.
hybrid: a room whose far wall is open or glazed towards land, or a colonnade under a roof. complex: fog and at least two of
scattering skin, glass, five lights and more, hair, in any surrounding."""

import math
import random

import bpy
from mathutils import Vector

CATEGORIES = ("indoor", "outdoor", "hybrid", "complex")


def look(colour, roughness=0.5, **inputs):
    made = bpy.data.materials.new("look")
    made.use_nodes = True
    sockets = made.node_tree.nodes["Principled BSDF"].inputs
    sockets["Base Color"].default_value, sockets["Roughness"].default_value = (*colour, 1), roughness
    for name, value in inputs.items():
        sockets[name].default_value = value
    return made


def colour(draw, low=0.1, high=0.8):
    return [draw.uniform(low, high) for _ in range(3)]


def box(size, place, material, turn=0.0):
    bpy.ops.mesh.primitive_cube_add(size=1, location=place, rotation=(0, 0, turn))
    thing = bpy.context.object
    thing.scale = size
    thing.data.materials.append(material)
    return thing


def lamp(kind, place, energy, size=1.0):
    data = bpy.data.lights.new("lamp", kind)
    data.energy = energy
    if kind == "AREA":
        data.size = size
    thing = bpy.data.objects.new("lamp", data)
    thing.location = place
    bpy.context.scene.collection.objects.link(thing)
    return thing


def camera(place, target):
    thing = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    thing.data.lens = 24
    thing.location = place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.scene.camera = thing


def sky(draw):
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*colour(draw, 0.4, 0.9), 1)
    background.inputs["Strength"].default_value = draw.uniform(0.4, 1.0)
    sun = lamp("SUN", (0, 0, 30), draw.uniform(1.0, 3.0))
    sun.rotation_euler = (draw.uniform(0.3, 1.0), 0, draw.uniform(0, 6.3))


def ground(draw, size=120.0, cells=80, quiet=8.0):
    """Hills that leave the middle flat."""
    waves = [(draw.uniform(0.03, 0.12), draw.uniform(0, 6.3), draw.uniform(0.5, 2.5), draw.uniform(0, 6.3)) for _ in range(4)]
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=cells, y_subdivisions=cells, size=size, location=(0, 0, -0.06))
    thing = bpy.context.object
    for vertex in thing.data.vertices:
        x, y, _ = vertex.co
        far = max(0.0, math.hypot(x, y) - quiet) / 30
        vertex.co.z = min(1.0, far) * sum(a * math.sin(f * (x * math.cos(d) + y * math.sin(d)) + p) for f, p, a, d in waves)
    thing.data.materials.append(look(colour(draw, 0.1, 0.4), 0.9))
    return thing


def trees(draw, count, nearest):
    """Cones on trunks; instances of three."""
    kinds = []
    for _ in range(3):
        bpy.ops.mesh.primitive_cone_add(vertices=draw.randint(6, 24), radius1=draw.uniform(0.8, 1.6), depth=draw.uniform(2.5, 6))
        kind = bpy.context.object
        kind.data.materials.append(look((0.05, draw.uniform(0.2, 0.5), 0.08), 0.9))
        kinds.append(kind.data)
        bpy.data.objects.remove(kind)
    for _ in range(count):
        angle, distance = draw.uniform(0, 6.3), draw.uniform(nearest, 45)
        thing = bpy.data.objects.new("tree", draw.choice(kinds))
        thing.location = (distance * math.cos(angle), distance * math.sin(angle), draw.uniform(1.5, 2.5))
        bpy.context.scene.collection.objects.link(thing)


def furnish(draw, width, depth):
    for _ in range(draw.randint(4, 12)):
        size = [draw.uniform(0.3, 1.4) for _ in range(2)] + [draw.uniform(0.3, 1.6)]
        box(size, (draw.uniform(-width / 2 + 1, width / 2 - 1), draw.uniform(-depth / 4, depth / 2 - 1), size[2] / 2),
            look(colour(draw), draw.uniform(0.1, 0.9)), draw.uniform(0, 1.5))
    for _ in range(draw.randint(1, 4)):
        bpy.ops.mesh.primitive_uv_sphere_add(radius=draw.uniform(0.1, 0.4), segments=32, ring_count=16, location=(
            draw.uniform(-width / 3, width / 3), draw.uniform(-depth / 4, depth / 3), draw.uniform(0.8, 1.5)))
        bpy.context.object.data.materials.append(look(colour(draw), draw.uniform(0, 0.4), Metallic=draw.choice((0.0, 1.0))))


def walls(draw, width, depth, height, open_front=False, window_behind=False):
    wall, floor = look(colour(draw, 0.5, 0.9), 0.8), look(colour(draw, 0.1, 0.5), 0.4)
    box((width, depth, 0.1), (0, 0, -0.05), floor)
    box((width, depth, 0.1), (0, 0, height + 0.05), wall)
    for side in (-1, 1):
        box((0.1, depth, height), (side * (width / 2 + 0.05), 0, height / 2), wall)
    if not open_front:
        box((width, 0.1, height), (0, depth / 2 + 0.05, height / 2), wall)
    if window_behind:
        for side in (-1, 1):
            box((width / 2 - 0.6, 0.1, height), (side * (width / 4 + 0.3), -depth / 2 - 0.05, height / 2), wall)
        box((1.2, 0.1, 1), (0, -depth / 2 - 0.05, 0.5), wall)
    else:
        box((width, 0.1, height), (0, -depth / 2 - 0.05, height / 2), wall)


def room_size(draw):
    return draw.uniform(4, 10), draw.uniform(5, 12), draw.uniform(2.5, 4)


def indoor(draw):
    width, depth, height = room_size(draw)
    walls(draw, width, depth, height, window_behind=draw.random() < 0.5)
    furnish(draw, width, depth)
    for _ in range(draw.randint(1, 3)):
        lamp("AREA", (draw.uniform(-1, 1), draw.uniform(-1, 2), height - 0.1), draw.uniform(120, 300))
    camera((draw.uniform(-1, 1), -depth / 2 + 0.6, draw.uniform(1.2, 1.8)), (draw.uniform(-0.5, 0.5), depth / 4, 1.0))


def outdoor(draw):
    ground(draw)
    trees(draw, draw.randint(20, 300), 9.0)
    for _ in range(draw.randint(0, 5)):
        size = (draw.uniform(3, 8), draw.uniform(3, 8), draw.uniform(3, 9))
        box(size, (draw.uniform(-20, 20), draw.uniform(8, 30), size[2] / 2), look(colour(draw)), draw.uniform(0, 1.5))
    sky(draw)
    camera((0, -4, draw.uniform(1.5, 3.0)), (draw.uniform(-3, 3), 12, draw.uniform(0.5, 2.5)))


def hybrid(draw):
    width, depth, height = room_size(draw)
    ground(draw, quiet=12.0)
    trees(draw, draw.randint(20, 120), depth + 4)
    sky(draw)
    if draw.random() < 0.7:
        walls(draw, width, depth, height, open_front=True)
        furnish(draw, width, depth)
        if draw.random() < 0.5:
            glass = look((1, 1, 1), 0.0, Transmission=1.0)
            box((width, 0.03, height), (0, depth / 2, height / 2), glass)
        lamp("AREA", (0, -1, height - 0.1), draw.uniform(100, 250))
    else:
        stone = look(colour(draw, 0.5, 0.8), 0.8)
        box((width, depth, 0.2), (0, 0, height + 0.1), stone)
        for i in range(5):
            for side in (-1, 1):
                box((0.4, 0.4, height), (side * width / 2, depth * (i / 4 - 0.5), height / 2), stone)
    camera((draw.uniform(-0.5, 0.5), -depth / 2 + 0.6, draw.uniform(1.3, 1.8)), (0, depth, 1.2))


def complex_scene(draw):
    ground(draw, quiet=15.0)
    sky(draw)
    fog = bpy.data.materials.new("fog")
    fog.use_nodes = True
    nodes = fog.node_tree.nodes
    nodes.remove(nodes["Principled BSDF"])
    scatter = nodes.new("ShaderNodeVolumePrincipled")
    scatter.inputs["Density"].default_value = draw.uniform(0.005, 0.03)
    fog.node_tree.links.new(scatter.outputs[0], nodes["Material Output"].inputs["Volume"])
    box((14, 14, 6), (0, 4, 3), fog)
    features = draw.sample(("skin", "glass", "lights", "hair"), draw.randint(2, 4))
    looks = [look(colour(draw), draw.uniform(0.05, 0.6)) for _ in range(3)]
    if "skin" in features:
        looks.append(look(colour(draw, 0.4, 0.9), 0.4, Subsurface=draw.uniform(0.1, 0.5)))
    if "glass" in features:
        looks.append(look((1, 1, 1), 0.0, Transmission=1.0))
    for i in range(draw.randint(12, 40)):
        bpy.ops.mesh.primitive_monkey_add(size=draw.uniform(0.5, 1.2), rotation=(0, 0, draw.uniform(0, 6.3)), location=(
            draw.uniform(-5, 5), draw.uniform(0, 9), draw.uniform(0.4, 2.5)))
        bpy.context.object.data.materials.append(looks[i % len(looks)])
    if "hair" in features:
        thing = bpy.context.object
        settings = thing.modifiers.new("hair", "PARTICLE_SYSTEM").particle_system.settings
        settings.type, settings.count, settings.hair_length = "HAIR", 300, 0.3
    for _ in range(draw.randint(6, 9) if "lights" in features else 2):
        lamp("POINT", (draw.uniform(-6, 6), draw.uniform(-2, 9), draw.uniform(2, 5)), draw.uniform(50, 200))
    camera((0, -5, draw.uniform(1.5, 2.5)), (0, 5, 1.2))


MAKERS = {"indoor": indoor, "outdoor": outdoor, "hybrid": hybrid, "complex": complex_scene}


def make(category, seed, width, height, samples):
    """The scene is then the open one; the same arguments make the same scene."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.cycles.samples, scene.cycles.seed = samples, seed
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.frame_start = scene.frame_end = 1
    MAKERS[category](random.Random("%s:%d" % (category, seed)))
    return scene
