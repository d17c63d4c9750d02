"""Reads the open scene into facts, a little at a time, and changes nothing.

A generator: between its steps Blender may evaluate, undo or load, so nothing of bpy is kept over a yield; what is needed
again is looked up again, by index or name. A file load ends the reading (session.py)."""

import bpy

from ..core import facts as fact_names
from ..reader import frame_parts, scene_report
from . import instances, sight_reader

PORTION = 150


def portions(of):
    """Lists of a collection's members, PORTION at a time; each is only good until the next yield. Slices, because they pass
    over what comes before without making a Python object of each."""
    start = 0
    while portion := of()[start:start + PORTION]:
        yield portion
        start += PORTION


def scene_objects(scene_name):
    """The same of a scene's objects, each once. Scene.objects itself takes 10 ms to pass over 10,000."""
    seen, number, start = set(), 0, 0
    while True:
        collections, fresh = collections_of(scene_name), []
        while number < len(collections) and len(fresh) < PORTION:
            portion = collections[number].objects[start:start + PORTION]
            fresh += [thing for thing in portion if thing.as_pointer() not in seen]
            seen.update(thing.as_pointer() for thing in portion)
            number, start = (number, start + PORTION) if len(portion) == PORTION else (number + 1, 0)
        if not fresh:
            return
        yield fresh


def collections_of(scene_name):
    root = bpy.data.scenes[scene_name].collection
    return [root, *root.children_recursive]


def read(scene_name, result):
    """Fills `result` with "facts" and "problems". Yields after every small step."""
    facts, problems = {}, []
    scene = bpy.data.scenes[scene_name]
    facts.update(render_facts(scene))
    yield
    drawn = instances.Instances()
    yield from object_facts(scene_name, drawn, facts)
    yield from look_facts(facts)
    yield
    yield from read_problems(scene_name, problems)
    if facts["camera"]:
        yield from sight_reader.read(scene_name, drawn.shapes, facts)
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
    """Or as the importers of formats without a transmission make it: half transparent."""
    kind = node.bl_idname
    if kind in {"ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction"}:
        return True
    if kind != "ShaderNodeBsdfPrincipled":
        return False
    alpha = node.inputs["Alpha"]
    return input_value(node, "Transmission Weight", "Transmission") > 0.5 or not alpha.is_linked and alpha.default_value < 0.9


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


def object_facts(scene_name, drawn, facts):
    """Each object's own share, and what of it the evaluated depsgraph draws."""
    totals = {"objects": 0, "lights": 0, "hair_strands": 0, "particles": 0, "animated": 0, "simulations": 0, "extra": 0}
    kinds = set()
    for portion in scene_objects(scene_name):
        depsgraph = bpy.context.evaluated_depsgraph_get()
        for thing in portion:
            if not thing.hide_render:
                object_totals(thing, totals, kinds)
                drawn.add_object(thing, depsgraph)
        yield
    yield from drawn.read_instanced()
    facts.update(drawn.facts())
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
    of_scene = name == "objects"
    for portion in scene_objects(scene_name) if of_scene else portions(lambda: getattr(bpy.data, name, ())):
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
