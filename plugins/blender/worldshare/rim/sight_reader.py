"""What the camera sees, read from the evaluated scene a little at a time: a soup of sampled polygons (core/sight.py), and
rays through it. Scene.ray_cast would build trees over whole meshes, two seconds for a million polygons."""

import bpy
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from ..core import sight
from ..reader import scene_report

POLYGONS = 60_000          # of the soup, about
POLYGONS_PER_TREE = 4_000
POLYGONS_PER_STEP = 300
TOO_SMALL = 0.004          # a shape's size over its distance
SEE_THROUGH = {"ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction", "ShaderNodeBsdfTransparent"}
VOLUME_NODES = {"ShaderNodeVolumePrincipled", "ShaderNodeVolumeScatter", "ShaderNodeVolumeAbsorption"}
BOX_SIDES = ((0, 1, 2, 3), (4, 7, 6, 5), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0))


class Shape:
    """One instance, as it was when it was read. `address` of the mesh is compared, never followed."""

    __slots__ = ("name", "faces", "address", "matrix", "box", "weight", "around")

    def __init__(self, name, faces, address, matrix, box):
        self.name, self.faces, self.address, self.matrix, self.box = name, faces, address, matrix, box
        self.weight, self.around = 0.0, False


class Soup:
    def __init__(self):
        self._vertices, self._polygons, self._trees = [], [], []

    def add(self, corners):
        first = len(self._vertices)
        self._vertices.extend(corners)
        self._polygons.append(range(first, first + len(corners)))

    def is_full(self):
        return len(self._polygons) >= POLYGONS_PER_TREE

    def close_tree(self):
        if self._polygons:
            self._trees.append(BVHTree.FromPolygons(self._vertices, self._polygons))
            self._vertices, self._polygons = [], []

    def cast(self, origin, direction):
        nearest, point = 1e30, None
        for tree in self._trees:
            hit = tree.ray_cast(origin, direction, nearest)
            if hit[0] is not None:
                point, nearest = hit[0], hit[3]
        return point


def read(scene_name, shapes, facts):
    scene = bpy.data.scenes[scene_name]
    eye, directions = view_of(scene)
    seen = []
    for number, shape in enumerate(shapes):
        if weigh(shape, eye) >= TOO_SMALL:
            seen.append(shape)
        if number % 200 == 199:
            yield
    yield
    least = max(1, min(6, 20_000 // max(1, len(seen))))
    wanted = sight.shares([(shape.faces, shape.weight ** 2) for shape in seen], POLYGONS, least)
    soup = Soup()
    yield
    yield from fill(soup, seen, wanted)
    seen_from = yield from sight.look(eye, directions, soup.cast)
    facts.update(seen_from)


def view_of(scene):
    """The eye and the directions through the picture, in the world."""
    camera = scene.camera or next(marker.camera for marker in scene.timeline_markers if marker.camera)
    matrix = camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.copy()
    turn, eye = matrix.to_3x3().normalized(), tuple(matrix.translation)
    if camera.data.type == "ORTHO":
        return eye, [tuple(turn @ Vector((0, 0, -1)))] * (sight.VIEW_COLUMNS * sight.VIEW_ROWS)
    corners = [tuple(turn @ corner) for corner in camera.data.view_frame(scene=scene)]
    return eye, list(sight.view_grid(corners))


def weigh(shape, eye):
    """The angle under which the eye sees it, about; 4 at most, as of what is around the eye. Notes whether its box is."""
    low, high = shape.matrix @ Vector(shape.box[0]), shape.matrix @ Vector(shape.box[6])
    size, middle = (high - low).length, (high + low) / 2
    distance = (middle - Vector(eye)).length
    shape.weight = 4.0 if distance * 4 <= size else size / distance
    shape.around = distance * 2 <= size and all(min(a, b) <= e <= max(a, b) for a, b, e in zip(low, high, eye))
    return shape.weight


def fill(soup, shapes, wanted):
    """Polygons of each shape; those of a mesh that cannot be looked up again stand as their box."""
    cache, since = {}, 0
    for shape, count in zip(shapes, wanted):
        key = (shape.address, count, shape.around)
        if key not in cache:
            cache[key] = yield from sample(shape, count)
        for corners in cache[key]:
            soup.add([shape.matrix @ corner for corner in corners])
            since += 1
            if soup.is_full():
                yield
                soup.close_tree()
                since = POLYGONS_PER_STEP
            if since >= POLYGONS_PER_STEP:
                since = 0
                yield
    yield
    soup.close_tree()
    yield


def mesh_of(shape):
    """The evaluated object and its mesh, if they are still those that were read. The mesh is the artist's own where nothing
    is done to it: Blender copies what an evaluated mesh shares with it once Python looks at it."""
    own = bpy.data.objects.get(shape.name)
    if own is None or own.type != "MESH":
        return None, None
    thing = own.evaluated_get(bpy.context.evaluated_depsgraph_get())
    if thing.data.as_pointer() != shape.address or not len(thing.data.polygons) == shape.faces > 0:
        return None, None
    untouched = not own.modifiers and own.data.shape_keys is None and len(own.data.polygons) == shape.faces
    return thing, own.data if untouched else thing.data


def look_at_once(shape):
    """Each layer of a mesh in a step of its own, for the copy that Blender may make of it: 16 MB for a million vertices."""
    for layer in ("polygons", "vertices", "loops"):
        _, mesh = mesh_of(shape)
        if mesh is not None:
            getattr(mesh, layer)[0]
            yield


def sample(shape, count):
    """`count` polygons in the shape's own space, without those that one sees through."""
    found, factor = [], (shape.faces / max(1, count)) ** 0.5
    if count > POLYGONS_PER_STEP:
        yield from look_at_once(shape)
    for start in range(0, max(1, count), POLYGONS_PER_STEP):
        thing, mesh = mesh_of(shape)
        if mesh is None:
            return [[Vector(shape.box[i]) for i in side] for side in BOX_SIDES]
        clear = see_through_slots(thing, shape.around)
        for index in sight.picked(shape.faces, count, start, start + POLYGONS_PER_STEP):
            polygon = mesh.polygons[index]
            if polygon.material_index not in clear:
                corners = [tuple(mesh.vertices[i].co) for i in polygon.vertices]
                found.append([Vector(corner) for corner in sight.grown(corners, factor)])
        if count > POLYGONS_PER_STEP:
            yield
    return found


def see_through_slots(thing, around):
    """What shines all around the eye is a painted sky: a ball or a box with an emission, as games have it."""
    slots = thing.material_slots
    if around and len(slots) and all(slot.material is not None and is_shining(slot.material) for slot in slots):
        return set(range(len(slots)))
    return {number for number, slot in enumerate(slots) if is_see_through(slot.material)}


def is_shining(material):
    """By an emission or, as importers make what a file calls unlit, a background."""
    for _, node in scene_report.nodes_of(material.node_tree if material.use_nodes else None):
        if node.bl_idname in {"ShaderNodeEmission", "ShaderNodeBackground"}:
            return True
        if node.bl_idname == "ShaderNodeBsdfPrincipled" and shines(node.inputs):
            return True
    return False


def shines(inputs):
    colour, strength = inputs.get("Emission Color") or inputs.get("Emission"), inputs.get("Emission Strength")
    lit = colour is not None and (colour.is_linked or max(colour.default_value[:3]) > 0.05)
    return lit and (strength is None or strength.is_linked or strength.default_value > 0)


def is_only_volume(material):
    outputs = [node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeOutputMaterial"]
    return any(node.inputs["Volume"].is_linked and not node.inputs["Surface"].is_linked for node in outputs)


def is_see_through(material):
    if material is None or not material.use_nodes:
        return False
    if is_only_volume(material):
        return True
    for _, node in scene_report.nodes_of(material.node_tree):
        if node.bl_idname in SEE_THROUGH:
            return True
        if node.bl_idname == "ShaderNodeBsdfPrincipled":
            socket = node.inputs.get("Transmission Weight") or node.inputs.get("Transmission")
            alpha = node.inputs.get("Alpha")
            if (socket and not socket.is_linked and socket.default_value > 0.5) or (
                    alpha and not alpha.is_linked and alpha.default_value < 0.5):
                return True
    return False
