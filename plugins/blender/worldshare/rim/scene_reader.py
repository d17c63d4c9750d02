"""Reads the open scene into facts, a little at a time, and changes nothing.

A generator: between its steps Blender may evaluate, undo or load, so nothing of bpy is kept over a yield; what is needed
again is looked up again, by index or name. A file load ends the reading (session.py)."""

import itertools

import bpy

from ..core import facts as fact_names
from ..reader import frame_parts, scene_report
from . import sight_reader

PORTION = 400
MOST_INSTANCES = 40_000


def portions(of):
    """Lists of a collection's members, PORTION at a time; each is only good until the next yield."""
    start = 0
    while portion := list(itertools.islice(of(), start, start + PORTION)):
        yield portion
        start += PORTION


def read(scene_name, result):
    """Fills `result` with "facts" and "problems". Yields after every small step."""
    facts, problems = {}, []
    scene = bpy.data.scenes[scene_name]
    facts.update(render_facts(scene))
    yield
    instances = Instances()
    yield from instances.read(scene_name)
    facts.update(instances.facts())
    yield from look_facts(facts)
    yield from object_facts(scene_name, facts)
    yield
    yield from read_problems(scene_name, problems)
    if facts["camera"]:
        yield from sight_reader.read(scene_name, instances.shapes, facts)
    result["facts"] = fact_names.complete(facts)
    result["problems"] = sorted(problems, key=lambda entry: not entry["fatal"])


def render_facts(scene):
    width, height = scene_report.size_of(scene)
    cycles = scene.render.engine == "CYCLES"
    return {
        "engine": scene_report.engine_of(scene),
        "width": width, "height": height, "megapixels": width * height / 1e6,
        "frames": (scene.frame_end - scene.frame_start) // scene.frame_step + 1,
        "samples": scene_report.samples_of(scene),
        "adaptive": frame_parts.is_adaptive(scene),
        "bounces": scene.cycles.max_bounces if cycles else 0,
        "features": ["denoise_oidn"] if scene_report.needs_denoiser(scene) else [],
        "whole_frames": ", ".join(frame_parts.whole_frame_reasons(scene)),
        "camera": scene_report.has_camera(scene),
        "sky": sky_of(scene.world),
    }


def sky_of(world):
    if world is None:
        return "none"
    kinds = {node.bl_idname for _, node in scene_report.nodes_of(world.node_tree)} if world.use_nodes else set()
    if "ShaderNodeTexSky" in kinds:
        return "procedural"
    return "texture" if kinds & {"ShaderNodeTexEnvironment", "ShaderNodeTexImage"} else "colour"


class Instances:
    """What the evaluated depsgraph would draw: counts, the bounding box, and a shape of each mesh instance."""

    def __init__(self):
        self.count, self.vertices, self.faces, self.triangles = 0, 0, 0, 0
        self.volumes, self.complete = 0, True
        self.meshes = {}   # address → triangles; addresses are compared, never followed
        self.boxes = {}    # address → corners of the bounding box
        self.shapes = []   # for sight_reader
        self.low, self.high = [1e30] * 3, [-1e30] * 3

    def read(self, scene_name):
        start = 0
        while True:
            depsgraph = bpy.context.evaluated_depsgraph_get()
            seen = 0
            for instance in itertools.islice(depsgraph.object_instances, start, start + PORTION):
                seen += 1
                self.add(instance)
            start += seen
            if seen < PORTION:
                return
            if start >= MOST_INSTANCES:
                self.complete = False
                return
            yield

    def add(self, instance):
        thing = instance.object
        self.count += 1
        if thing.type == "VOLUME":
            self.volumes += 1
        if thing.type not in {"MESH", "CURVE", "SURFACE", "META", "FONT"}:
            return
        mesh, faces, address = thing.data, 0, 0
        if thing.type == "MESH" and mesh is not None:
            address = mesh.as_pointer()
            triangles = self.meshes.get(address)
            faces = len(mesh.polygons)
            if triangles is None:
                triangles = self.meshes[address] = len(mesh.loops) - 2 * faces
            self.triangles += triangles
            self.faces += faces
            self.vertices += len(mesh.vertices)
            if faces == 0:
                return
        self.place(instance, thing, faces, address)

    def place(self, instance, thing, faces, address):
        matrix = instance.matrix_world.copy()
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


def look_facts(facts):
    names = ("glass", "subsurface", "emissive", "materials", "textures", "texture_bytes")
    facts.update(dict.fromkeys(names, 0))  # "volumes" has those of objects already
    for portion in portions(lambda: bpy.data.materials):
        for material in portion:
            if material.users:
                facts["materials"] += 1
                for name in looks_of(material):
                    facts[name] += 1
        yield
    for portion in portions(lambda: bpy.data.images):
        for image in portion:
            if image.users and image.source in {"FILE", "TILED", "SEQUENCE", "GENERATED"}:
                facts["textures"] += 1
                facts["texture_bytes"] += image.size[0] * image.size[1] * (16 if image.is_float else 4)
        yield


def input_value(node, *names):
    """Of an unlinked input; a linked one counts as used."""
    for name in names:
        socket = node.inputs.get(name)
        if socket is not None:
            return 1.0 if socket.is_linked else float(getattr(socket, "default_value", 0.0) or 0.0)
    return 0.0


def is_glass(node):
    kind = node.bl_idname
    if kind in {"ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction"}:
        return True
    return kind == "ShaderNodeBsdfPrincipled" and input_value(node, "Transmission Weight", "Transmission") > 0.5


def looks_of(material):
    """A subset of glass, subsurface, emissive, volumes."""
    found = set()
    for _, node in scene_report.nodes_of(material.node_tree if material.use_nodes else None):
        kind = node.bl_idname
        if is_glass(node):
            found.add("glass")
        if kind == "ShaderNodeSubsurfaceScattering" or (
                kind == "ShaderNodeBsdfPrincipled" and input_value(node, "Subsurface Weight", "Subsurface") > 0.01):
            found.add("subsurface")
        if kind == "ShaderNodeEmission":
            found.add("emissive")
        if kind in sight_reader.VOLUME_NODES:
            found.add("volumes")
    return found


def object_facts(scene_name, facts):
    totals = {"objects": 0, "lights": 0, "hair_strands": 0, "particles": 0, "animated": 0, "simulations": 0, "extra": 0}
    kinds = set()
    for portion in portions(lambda: bpy.data.scenes[scene_name].objects):
        for thing in portion:
            if not thing.hide_render:
                object_totals(thing, totals, kinds)
        yield
    extra = totals.pop("extra")
    facts.update(totals, light_types=sorted(kinds), render_triangles=facts["unique_triangles"] + extra)


def object_totals(thing, totals, kinds):
    totals["objects"] += 1
    if thing.type == "LIGHT":
        totals["lights"] += 1
        kinds.add(thing.data.type)
    if thing.type in {"CURVES", "HAIR"}:
        totals["hair_strands"] += len(getattr(thing.data, "curves", ()))
    if thing.animation_data is not None and (thing.animation_data.action or len(thing.animation_data.drivers)):
        totals["animated"] += 1
    for system in thing.particle_systems:
        if system.settings.type == "HAIR":
            children = max(1, system.settings.rendered_child_count) if system.settings.child_type != "NONE" else 1
            totals["hair_strands"] += system.settings.count * children
        else:
            totals["particles"] += system.settings.count
    for modifier in thing.modifiers:
        if not modifier.show_render:
            continue
        if modifier.type in {"CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT"}:
            totals["simulations"] += 1
        if modifier.type in {"SUBSURF", "MULTIRES"} and thing.type == "MESH":
            totals["extra"] += subdivision_triangles(thing, modifier)


def subdivision_triangles(thing, modifier):
    """How many triangles more than in the viewport the render has."""
    base = len(thing.data.polygons) * 2
    seen = modifier.levels if modifier.show_viewport else 0
    return max(0, base * (4 ** modifier.render_levels - 4 ** seen))


# Where files, simulations and drivers hide. What only another scene uses is named too; the packed copy is read exactly.
COLLECTIONS = ("images", "fonts", "volumes", "movieclips", "cache_files", "node_groups", "materials", "worlds", "lights",
               "cameras", "armatures", "curves", "meshes")


def read_problems(scene_name, problems):
    """With the reader of the render nodes, by portions of data-blocks."""
    scene = bpy.data.scenes[scene_name]
    found = scene_report.render_problems(scene) + scene_report.output_problems(scene)
    yield
    for name in ("objects", *COLLECTIONS):
        yield from problems_of(scene_name, name, found)
    known = set()
    for entry in map(as_packed, found):
        if entry["message"] not in known:
            known.add(entry["message"])
            problems.append(entry)


def problems_of(scene_name, name, found):
    for portion in portions(lambda: getattr(bpy.data.scenes[scene_name] if name == "objects" else bpy.data, name, ())):
        scene = bpy.data.scenes[scene_name]
        blocks = [block for block in portion if block.users]
        found += scene_report.file_problems(scene, blocks, False)
        found += scene_report.simulation_problems(scene, blocks)
        found += scene_report.script_problems(scene, blocks)
        yield


def as_packed(entry):
    """The add-on packs by itself."""
    if entry["code"] == "external_file" and entry["remedy"] == scene_report.PACK:
        return {**entry, "fatal": False, "remedy": "It is packed into the copy that is sent."}
    return entry
