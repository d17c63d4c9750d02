"""What the evaluated depsgraph would draw: counts, the bounding box, and a shape of each mesh instance.

Objects are looked up one by one. Only what others make (particles, collections, geometry nodes) needs Blender's own list of
instances; it can only be walked from its start, and nothing of it may be kept, so it is walked anew in every step."""

import itertools
import time

import bpy

from . import sight_reader

MOST_INSTANCED = 20_000
STEP_SECONDS = 0.004
SURFACES = {"MESH", "CURVE", "SURFACE", "META", "FONT"}


class Instances:
    def __init__(self):
        self.count, self.vertices, self.faces, self.triangles = 0, 0, 0, 0
        self.volumes, self.complete = 0, True
        self.meshes = {}   # address → triangles; addresses are compared, never followed
        self.boxes = {}    # address → corners of the bounding box
        self.shapes = []   # for sight_reader
        self.low, self.high = [1e30] * 3, [-1e30] * 3
        self._makers = False

    def add_object(self, thing, depsgraph):
        """An object of the scene itself, if the viewport has it."""
        if not thing.visible_get():
            return
        found = thing.evaluated_get(depsgraph)
        if not found.is_evaluated:
            return
        self._makers = self._makers or makes_instances(thing, found)
        if not thing.is_instancer or thing.show_instancer_for_render:
            self._add(found, found.matrix_world)

    def read_instanced(self):
        """What objects make of others; a generator."""
        start = 0
        while self._makers:
            passed, ends = 0, None
            for instance in itertools.islice(bpy.context.evaluated_depsgraph_get().object_instances, start, None):
                ends = ends or time.perf_counter() + STEP_SECONDS
                if instance.is_instance:
                    self._add(instance.object, instance.matrix_world)
                passed += 1
                if passed % 16 == 0 and time.perf_counter() >= ends:
                    break
            else:
                return
            start += passed
            if start >= MOST_INSTANCED:
                self.complete = False
                return
            yield

    def _add(self, thing, matrix):
        """An evaluated object where this matrix puts it."""
        self.count += 1
        if thing.type == "VOLUME":
            self.volumes += 1
        if thing.type not in SURFACES:
            return
        mesh, faces, address = thing.data, 0, 0
        if thing.type == "MESH" and mesh is not None:
            address = mesh.as_pointer()
            faces = len(mesh.polygons)
            triangles = self.meshes.get(address)
            if triangles is None:
                triangles = self.meshes[address] = len(mesh.loops) - 2 * faces
            self.triangles += triangles
            self.faces += faces
            self.vertices += len(mesh.vertices)
            if faces == 0:
                return
        self._place(thing, matrix.copy(), faces, address)

    def _place(self, thing, matrix, faces, address):
        box = self.boxes.get(address)
        if box is None or address == 0:
            box = self.boxes[address] = [tuple(corner) for corner in thing.bound_box]
        for corner in (box[0], box[6]):
            point = matrix @ sight_reader.Vector(corner)
            for axis in range(3):
                self.low[axis] = min(self.low[axis], point[axis])
                self.high[axis] = max(self.high[axis], point[axis])
        self.shapes.append(sight_reader.Shape(thing.name, faces, address, matrix, box))

    def facts(self):
        extent = sum((high - low) ** 2 for low, high in zip(self.low, self.high)) ** 0.5 if self.shapes else 0.0
        return {
            "instances": self.count, "instances_counted": self.complete, "vertices": self.vertices, "faces": self.faces,
            "triangles": self.triangles, "unique_triangles": sum(self.meshes.values()), "volumes": self.volumes,
            "extent": extent,
        }


def makes_instances(thing, evaluated):
    return thing.is_instancer or len(evaluated.particle_systems) > 0 or any(
        modifier.type == "NODES" for modifier in thing.modifiers)
