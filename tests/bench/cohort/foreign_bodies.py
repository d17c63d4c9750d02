"""What the foreign scenes are made of: meshes that grow piece by piece, looks, lamps and a camera; no primitive of Blender's."""

import math

import bmesh
import bpy
from mathutils import Vector


class Body:
    """One mesh that grows."""

    def __init__(self, name, colour, **inputs):
        self.name, self.points, self.faces, self.material = name, [], [], look(name, colour, **inputs)

    def prism(self, outline, low, high):
        """Upright, over an outline of (x, y), counterclockwise."""
        n, first = len(outline), len(self.points)
        self.points += [(x, y, z) for z in (low, high) for x, y in outline]
        self.faces += [[first + i for i in reversed(range(n))], [first + n + i for i in range(n)]]
        self.faces += [[first + i, first + (i + 1) % n, first + n + (i + 1) % n, first + n + i] for i in range(n)]

    def block(self, x, y, width, depth, low, high):
        self.prism([(x - width / 2, y - depth / 2), (x + width / 2, y - depth / 2),
                    (x + width / 2, y + depth / 2), (x - width / 2, y + depth / 2)], low, high)

    def wall(self, start, end, high, gap=None):
        """0.2 m thick; `gap`: (from, to, sill, lintel) along it, in shares of its length and in metres."""
        (ax, ay), (bx, by) = start, end
        length = math.hypot(bx - ax, by - ay)
        ux, uy = (bx - ax) / length, (by - ay) / length

        def piece(begin, stop, low, top):
            corners = []
            for along, side in ((begin, -0.1), (stop, -0.1), (stop, 0.1), (begin, 0.1)):
                corners.append((ax + ux * along * length - uy * side, ay + uy * along * length + ux * side))
            self.prism(corners, low, top)

        if gap is None:
            piece(0, 1, 0, high)
            return
        begin, stop, sill, lintel = gap
        piece(0, begin, 0, high)
        piece(stop, 1, 0, high)
        if sill > 0:
            piece(begin, stop, 0, sill)
        if lintel < high:
            piece(begin, stop, lintel, high)

    def lathe(self, profile, place, sides=24):
        """A profile of (radius, height), turned around an upright axis."""
        x, y, z = place
        first = len(self.points)
        for radius, height in profile:
            self.points += [(x + radius * math.cos(2 * math.pi * i / sides), y + radius * math.sin(2 * math.pi * i / sides), z + height)
                            for i in range(sides)]
        for row in range(len(profile) - 1):
            for i in range(sides):
                low, next_low = first + row * sides + i, first + row * sides + (i + 1) % sides
                self.faces.append([low, next_low, next_low + sides, low + sides])

    def land(self, size, cells, height):
        first, step = len(self.points), size / cells
        for row in range(cells + 1):
            for column in range(cells + 1):
                x, y = column * step - size / 2, row * step - size / 2
                self.points.append((x, y, height(x, y)))
        for row in range(cells):
            for column in range(cells):
                corner = first + row * (cells + 1) + column
                self.faces.append([corner, corner + 1, corner + cells + 2, corner + cells + 1])

    def blob(self, draw, radius, place, fineness=3, rough=0.15, flat=1.0):
        """A ball with bumps."""
        made = bmesh.new()
        bmesh.ops.create_icosphere(made, subdivisions=fineness, radius=1.0)
        phases = [draw.uniform(0, 6.3) for _ in range(6)]
        first = len(self.points)
        for vertex in made.verts:
            x, y, z = vertex.co
            bump = 1 + rough * (math.sin(3 * x + phases[0]) * math.sin(2 * y + phases[1]) + 0.5 * math.sin(7 * z + phases[2] + 5 * x))
            self.points.append((place[0] + x * radius * bump, place[1] + y * radius * bump, place[2] + z * radius * bump * flat))
        made.verts.index_update()
        self.faces += [[first + vertex.index for vertex in face.verts] for face in made.faces]
        made.free()

    def done(self):
        mesh = bpy.data.meshes.new(self.name)
        mesh.from_pydata(self.points, [], self.faces)
        mesh.materials.append(self.material)
        made = bpy.data.objects.new(self.name, mesh)
        bpy.context.scene.collection.objects.link(made)
        return made


def look(name, colour, **inputs):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    sockets = made.node_tree.nodes["Principled BSDF"].inputs
    sockets["Base Color"].default_value = (*colour, 1)
    for socket, value in inputs.items():
        key = socket.replace("_", " ")
        sockets[key + " Weight" if key + " Weight" in sockets else key].default_value = value
    if inputs.get("Alpha", 1) < 1:
        made.blend_method = "BLEND"
    return made


def glass(name):
    """As the formats know it: glTF keeps the transmission, FBX the transparency."""
    return Body(name, (0.9, 0.95, 1.0), Transmission=1.0, Roughness=0.0, Alpha=0.4)


def lamp(kind, place, energy, turn=(0, 0, 0)):
    thing = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", kind))
    thing.data.energy, thing.location, thing.rotation_euler = energy, place, turn
    bpy.context.scene.collection.objects.link(thing)


def camera(place, target, lens=26):
    thing = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    thing.data.lens, thing.location = lens, place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.scene.camera = thing
