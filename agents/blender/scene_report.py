"""What a loaded scene is, what it needs, and what stops it from rendering on somebody else's machine.

Runs inside Blender 3.4 to 5.x, with nothing but its Python. Reads the scene and changes nothing.
"""

import glob
import os
import struct

import bpy

ENGINES = {
    "CYCLES": "cycles",
    "BLENDER_EEVEE": "eevee",
    "BLENDER_EEVEE_NEXT": "eevee",
    "BLENDER_WORKBENCH": "workbench",
}
FORMATS = {"PNG": "png", "JPEG": "jpeg", "OPEN_EXR": "exr"}
MOVIE_FORMATS = {"AVI_JPEG", "AVI_RAW", "FFMPEG"}
# Burnt into the pixels, and different on every machine or at every moment.
STAMPS = {
    "use_stamp_date": "date",
    "use_stamp_render_time": "render time",
    "use_stamp_memory": "memory",
    "use_stamp_hostname": "host name",
    "use_stamp_filename": "file name",
}
PACK = "File > External Data > Pack Resources, then save the file."


def problem(code, message, remedy, fatal=True):
    return {"code": code, "message": message, "remedy": remedy, "fatal": fatal}


def engine_of(scene):
    identifier = scene.render.engine
    return ENGINES.get(identifier, identifier.lower() or "unknown")


def format_of(scene):
    return FORMATS.get(scene.render.image_settings.file_format, "other")


def size_of(scene):
    """Width and height of the written image, with Blender's own rounding of the border."""
    render = scene.render
    width = render.resolution_x * render.resolution_percentage // 100
    height = render.resolution_y * render.resolution_percentage // 100
    if render.use_border and render.use_crop_to_border:
        width = border_edge(render.border_max_x, width) - border_edge(render.border_min_x, width)
        height = border_edge(render.border_max_y, height) - border_edge(render.border_min_y, height)
    return width, height


def border_edge(fraction, size):
    """C's int(float * int) in single precision."""
    return int(struct.unpack("f", struct.pack("f", fraction * size))[0])


def version_text(version):
    return "%d.%d" % (version[0], version[1])


def reachable_ids(scene):
    """Every data-block that the scene uses, directly or not."""
    uses = {}
    for block, users in bpy.data.user_map().items():
        for user in users:
            uses.setdefault(user, set()).add(block)
    seen, waiting = {scene}, [scene]
    while waiting:
        for block in uses.get(waiting.pop(), ()):
            if block not in seen:
                seen.add(block)
                waiting.append(block)
    return seen


def nodes_of(tree, seen=None):
    """All nodes of a tree and of the groups in it."""
    seen = set() if seen is None else seen
    if tree is None or tree in seen:
        return
    seen.add(tree)
    for node in tree.nodes:
        yield tree, node
        yield from nodes_of(getattr(node, "node_tree", None), seen)


def compositor_tree(scene):
    if not scene.render.use_compositing:
        return None
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def sequencer_strips(scene):
    editor = scene.sequence_editor
    if not scene.render.use_sequencer or editor is None:
        return []
    strips = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
    return [strip for strip in strips if not strip.mute]


def needs_denoiser(scene):
    if scene.render.engine == "CYCLES" and scene.cycles.use_denoising:
        if any(layer.use and layer.cycles.use_denoising for layer in scene.view_layers):
            return True
    return any(
        node.bl_idname == "CompositorNodeDenoise" and not node.mute
        for _, node in nodes_of(compositor_tree(scene))
    )


def has_denoiser():
    try:
        import _cycles
    except ImportError:
        return False
    return bool(getattr(_cycles, "with_openimagedenoise", False))


def has_camera(scene):
    return scene.camera is not None or any(marker.camera for marker in scene.timeline_markers)


def samples_of(scene):
    if scene.render.engine == "CYCLES":
        return scene.cycles.samples
    return getattr(scene.eevee, "taa_render_samples", 0) if engine_of(scene) == "eevee" else 0


def external_files(scene, blocks):
    """(kind, path as the file has it, whether packing can help) of everything that is not inside the .blend."""
    for block in blocks:
        library = block.library
        if library is not None and library.packed_file is None:
            yield "library", library.filepath, True
        if library is not None:
            continue
        path = getattr(block, "filepath", "")
        if isinstance(block, bpy.types.Image):
            packed = block.packed_file is not None or len(block.packed_files) > 0
            if block.source in {"SEQUENCE", "MOVIE"}:
                yield "texture", path, False
            elif block.source in {"FILE", "TILED"} and not packed:
                yield "texture", path, True
        elif isinstance(block, bpy.types.VectorFont):
            if block.filepath != "<builtin>" and block.packed_file is None:
                yield "font", path, True
        elif isinstance(block, bpy.types.Volume):
            if block.filepath and block.packed_file is None:
                yield "file", path, True
        elif isinstance(block, (bpy.types.MovieClip, bpy.types.CacheFile)):
            yield "file", path, False
    for strip in sequencer_strips(scene):
        if strip.type == "IMAGE":
            name = strip.elements[0].filename if strip.elements else ""
            yield "texture", os.path.join(strip.directory, name), False
        elif strip.type == "MOVIE":
            yield "file", strip.filepath, False


def exists(path):
    path = bpy.path.abspath(path)
    if "<UDIM>" in path or "<UVTILE>" in path:
        pattern = glob.escape(path).replace("<UDIM>", "*").replace("<UVTILE>", "*")
        return bool(glob.glob(pattern))
    return os.path.isfile(path)


def file_problems(scene, blocks, on_farm):
    """On a render node a file outside the .blend counts as missing even when a file of that name is there."""
    found = []
    for kind, path, can_pack in sorted(set(external_files(scene, blocks))):
        # On a render node an absolute path would tell of its owner, and means nothing to the artist.
        name = (path if on_farm else bpy.path.abspath(path)) or "(an image without a file)"
        if on_farm or not exists(path):
            remedy = "Restore the file or remove what uses it, then pack it: " + PACK
            found.append(problem("missing_" + kind, "The %s %s is missing." % (kind, name), remedy))
        elif can_pack:
            found.append(problem("external_file", "%s is not inside the .blend." % name, PACK))
        else:
            remedy = "Blender cannot pack it: bake, convert or remove it."
            found.append(problem("external_file", "%s is not inside the .blend." % name, remedy))
    return found


def point_caches(blocks):
    """(what, cache) of the simulations that a render evaluates."""
    physics = {
        "CLOTH": lambda modifier: [modifier.point_cache],
        "SOFT_BODY": lambda modifier: [modifier.point_cache],
        "DYNAMIC_PAINT": lambda modifier: [
            surface.point_cache
            for surface in (modifier.canvas_settings.canvas_surfaces if modifier.canvas_settings else [])
        ],
    }
    for block in blocks:
        if not isinstance(block, bpy.types.Object):
            continue
        for modifier in block.modifiers:
            if modifier.show_render and modifier.type in physics:
                for cache in physics[modifier.type](modifier):
                    yield "%s of %s" % (modifier.name, block.name), cache
        for system in block.particle_systems:
            if system.settings.type == "EMITTER" or system.use_hair_dynamics:
                yield "particles %s of %s" % (system.name, block.name), system.point_cache


def simulation_problems(scene, blocks):
    caches = list(point_caches(blocks))
    world = scene.rigidbody_world
    if world is not None and world.enabled and world.collection and len(world.collection.objects):
        caches.append(("the rigid body world", world.point_cache))
    found = []
    bake = "Bake it in the Physics properties (Cache > Bake), then save the file."
    for name, cache in caches:
        if not cache.is_baked:
            found.append(problem("unbaked_simulation", "%s is not baked." % name, bake))
        elif cache.use_disk_cache or cache.use_external:
            remedy = "Switch Disk Cache off and bake again, so that the cache is inside the file."
            found.append(problem("external_file", "The cache of %s is on disk." % name, remedy))
    return found + fluid_problems(blocks)


def fluid_problems(blocks):
    found = []
    convert = "Render it on your own machine, or convert the result to meshes inside the file."
    for block in blocks:
        if isinstance(block, bpy.types.Object):
            for modifier in block.modifiers:
                if modifier.type == "FLUID" and modifier.show_render and modifier.fluid_type == "DOMAIN":
                    text = "The fluid cache of %s is on disk and cannot be packed." % block.name
                    found.append(problem("external_file", text, convert))
        elif isinstance(block, bpy.types.NodeTree):
            if any(node.bl_idname == "GeometryNodeSimulationInput" for node in block.nodes):
                text = "Simulation zone in the node group %s: frames depend on each other." % block.name
                found.append(problem("unbaked_simulation", text, convert))
    return found


def script_problems(scene, blocks):
    found = []
    remedy = "Bake the animation (Object > Animation > Bake Action) or write the driver without Python calls."
    for block in blocks:
        data = getattr(block, "animation_data", None)
        for curve in data.drivers if data is not None else ():
            driver = curve.driver
            if driver.type == "SCRIPTED" and not driver.is_valid and not driver.is_simple_expression:
                text = "The driver '%s' of %s needs Python scripts, which render nodes do not run." % (
                    driver.expression, block.name)
                found.append(problem("driver_script", text, remedy))
    if bpy.app.autoexec_fail and not found:
        text = "Python in the file was not run (%s)." % bpy.app.autoexec_fail_message
        found.append(problem("scripts_disabled", text, "Nothing to do unless the script moves things.", False))
    if scene.render.use_freestyle:
        for layer in scene.view_layers:
            if layer.use and layer.use_freestyle and layer.freestyle_settings.mode == "SCRIPT":
                text = "Freestyle of the view layer %s is in Python scripting mode." % layer.name
                found.append(problem("freestyle_script", text, "Use the Parameter Editor mode."))
    if scene.render.engine == "CYCLES" and getattr(scene.cycles, "shading_system", False):
        found.append(problem("osl", "Open Shading Language is on.", "Render properties: switch it off."))
    return found


def output_problems(scene):
    render, found = scene.render, []
    name = render.image_settings.file_format
    if name in MOVIE_FORMATS:
        found.append(problem("movie_format", "The output is a video (%s); frames are rendered one by one." % name,
                             "Output properties: choose PNG, JPEG or OpenEXR."))
    elif format_of(scene) == "other":
        found.append(problem("format_unsupported", "The output format %s is not supported." % name,
                             "Output properties: choose PNG, JPEG or OpenEXR."))
    if engine_of(scene) not in ENGINES.values():
        found.append(problem("engine_unsupported", "The render engine %s is not supported." % engine_of(scene),
                             "Render properties: choose Cycles, Eevee or Workbench."))
    if render.use_multiview:
        found.append(problem("multiview", "Stereoscopy writes several images for one frame.",
                             "Output properties: switch Stereoscopy off."))
    burnt = [label for key, label in STAMPS.items() if render.use_stamp and getattr(render, key, False)]
    if burnt:
        found.append(problem("stamp", "Burnt-in metadata differs on every machine: %s." % ", ".join(burnt),
                             "Output > Metadata: switch these off, or Burn Into Image."))
    if any(node.bl_idname == "CompositorNodeOutputFile" and not node.mute for _, node in nodes_of(compositor_tree(scene))):
        found.append(problem("file_output_node", "File Output nodes are ignored on render nodes.",
                             "Use the composite output, or one job for each output.", False))
    return found


def render_problems(scene):
    found = []
    if not has_camera(scene) and not sequencer_strips(scene):
        found.append(problem("no_camera", "The scene has no camera.", "Scene properties: set the camera."))
    if scene.render.engine == "CYCLES" and scene.cycles.time_limit > 0:
        found.append(problem("time_limit", "The Cycles time limit makes the noise depend on the machine.",
                             "Render properties > Sampling: set Time Limit to 0."))
    return found


def problems_of(scene, on_farm=False):
    """The fatal ones first."""
    blocks = reachable_ids(scene)
    found = render_problems(scene) + output_problems(scene) + file_problems(scene, blocks, on_farm)
    found += simulation_problems(scene, blocks) + script_problems(scene, blocks)
    return sorted(found, key=lambda entry: not entry["fatal"])


def describe(scene):
    render = scene.render
    width, height = size_of(scene)
    return {
        "blender": bpy.app.version_string.strip(),
        "file_version": version_text(bpy.data.version),
        "scene": scene.name,
        "engine": engine_of(scene),
        "width": width,
        "height": height,
        "format": format_of(scene),
        "frame_start": scene.frame_start,
        "frame_end": scene.frame_end,
        "frame_step": scene.frame_step,
        "fps": render.fps / render.fps_base,
        "samples": samples_of(scene),
        "camera": has_camera(scene),
        "compositing": compositor_tree(scene) is not None,
        "features": ["denoise_oidn"] if needs_denoiser(scene) else [],
        "blender_features": ["denoise_oidn"] if has_denoiser() else [],
        "problems": problems_of(scene),
    }
