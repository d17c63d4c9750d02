"""What the camera sees, read from the evaluated scene a little at a time: a soup of sampled polygons (core/sight.py), and
rays through it. Scene.ray_cast would build trees over whole meshes, two seconds for a million polygons."""

import bpy
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from ..core import sight
from ..farm import scene_report

POLYGONS = 24_000          # of the soup, about
POLYGONS_PER_TREE = 4_000
SHAPES_PER_STEP = 100
POLYGONS_PER_STEP = 800
TOO_SMALL = 0.004          # a shape's size over its distance
SEE_THROUGH = {"ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction", "ShaderNodeBsdfTransparent"}
BOX_SIDES = ((0, 1, 2, 3), (4, 7, 6, 5), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0))


class Shape:
    """One instance, as it was when it was read. `address` of the mesh is compared, never followed."""

    __slots__ = ("name", "faces", "address", "matrix", "box", "weight")

    def __init__(self, name, faces, address, matrix, box):
        self.name, self.faces, self.address, self.matrix, self.box = name, faces, address, matrix, box
        self.weight = 0.0


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
        if number % 4000 == 3999:
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
    """The angle under which the eye sees it, about; 4 at most, as of what is around the eye."""
    low, high = shape.matrix @ Vector(shape.box[0]), shape.matrix @ Vector(shape.box[6])
    size, middle = (high - low).length, (high + low) / 2
    distance = (middle - Vector(eye)).length
    shape.weight = 4.0 if distance * 4 <= size else size / distance
    return shape.weight


def fill(soup, shapes, wanted):
    """Polygons of each shape; those of a mesh that cannot be looked up again stand as their box."""
    cache, since, polygons = {}, 0, 0
    for shape, count in zip(shapes, wanted):
        key = (shape.address, count)
        if key not in cache:
            cache[key] = sample(shape, count)
            polygons += count
        for corners in cache[key]:
            soup.add([shape.matrix @ corner for corner in corners])
        since += 1
        polygons += len(cache[key])
        if soup.is_full():
            soup.close_tree()
            yield
        if since >= SHAPES_PER_STEP or polygons >= POLYGONS_PER_STEP:
            since = polygons = 0
            yield
    soup.close_tree()
    yield


def sample(shape, count):
    thing = bpy.data.objects.get(shape.name)
    thing = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()) if thing is not None else None
    mesh = thing.data if thing is not None and thing.type == "MESH" else None
    if mesh is None or mesh.as_pointer() != shape.address or len(mesh.polygons) == 0:
        return [[Vector(shape.box[i]) for i in side] for side in BOX_SIDES]
    clear = see_through_slots(thing)
    factor, found = (len(mesh.polygons) / count) ** 0.5, []
    for index in sight.picked(len(mesh.polygons), count):
        polygon = mesh.polygons[index]
        if polygon.material_index not in clear:
            corners = [tuple(mesh.vertices[i].co) for i in polygon.vertices]
            found.append([Vector(corner) for corner in sight.grown(corners, factor)])
    return found


def see_through_slots(thing):
    return {number for number, slot in enumerate(thing.material_slots) if is_see_through(slot.material)}


def is_see_through(material):
    if material is None or not material.use_nodes:
        return False
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
