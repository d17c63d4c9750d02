"""Runs inside Blender and speaks JSON lines; see agents/README.md for the protocol.

    blender -b --factory-startup -noaudio -Y SCENE --python-exit-code 57 -P driver.py -- worker 3 CPU CPU
    ... -- finish 3 CPU CPU      turns assembled float pictures into the artist's images
    ... -- analyse 3 CPU CPU     prints one object that describes the scene
    ... -- probe 3 CPU CPU       without a scene: what this Blender can do, and with which devices
    ... -- self_test 3 CUDA ID   without a scene: what a picture of this device is like

The last two arguments are the device that renders: its type and its id, as Cycles has them.
"""

import ctypes
import json
import os
import resource
import stat
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import bpy  # noqa: E402

import audit  # noqa: E402
import devices  # noqa: E402
import frame_parts  # noqa: E402
import scene_report  # noqa: E402
import self_test  # noqa: E402
from frame_parts import Refusal  # noqa: E402

# What finish finds in the folder of its output.
ASSEMBLED = "assembled.exr"
HANDLERS = ("load_", "save_", "render_", "frame_change_", "depsgraph_", "undo_", "redo_", "composite_", "object_bake")


def report(descriptor, message):
    data = (json.dumps(message) + "\n").encode()
    while data:
        data = data[os.write(descriptor, data):]


def flush_output():
    """What Blender and Python printed goes out before the report that it explains."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, AttributeError, TypeError):
        pass


def leave(code=0):
    flush_output()
    os._exit(code)


def scene_argument():
    """The file that the command line names, or nothing."""
    before = sys.argv[:sys.argv.index("--")]
    names = [name for name in before[1:] if name.endswith(".blend")]
    return names[0] if names else ""


def cycles_preferences():
    """None where Cycles is not there."""
    addon = bpy.context.preferences.addons.get("cycles")
    return addon.preferences if addon is not None else None


def use_device():
    """Cycles renders with the device that the command line names, and with no other."""
    preferences = cycles_preferences()
    if preferences is None:
        return
    try:
        devices.use(preferences, bpy.data.scenes, *sys.argv[sys.argv.index("--") + 3:][:2])
    except devices.Missing as reason:
        raise Refusal("device", str(reason)) from None


def check_loaded():
    wanted = scene_argument()
    if not bpy.data.filepath or os.path.realpath(bpy.data.filepath) != os.path.realpath(wanted):
        raise Refusal("scene_unreadable", "Blender could not open the scene.")


def make_safe(scene):
    """Takes away what could write files or run code. Nothing here changes a pixel of an accepted scene."""
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        if name.startswith(HANDLERS) and isinstance(handlers, list):
            handlers.clear()
    for any_scene in bpy.data.scenes:
        for layer in any_scene.view_layers:
            for module in layer.freestyle_settings.modules:
                module.use = False
    trees = [getattr(any_scene, "node_tree", None) for any_scene in bpy.data.scenes]
    for tree in trees + list(bpy.data.node_groups):
        for node in list(tree.nodes) if tree is not None else ():
            if node.bl_idname == "CompositorNodeOutputFile":
                tree.nodes.remove(node)


def check_scene(scene):
    """Raises a Refusal that holds for every frame of this scene on this machine."""
    if bpy.data.version[:2] > bpy.app.version[:2]:
        raise Refusal("newer_file", "The file was written by Blender %s; this is Blender %s." % (
            scene_report.version_text(bpy.data.version), scene_report.version_text(bpy.app.version)))
    for entry in scene_report.problems_of(scene, on_farm=True):
        if entry["fatal"]:
            raise Refusal(entry["code"], entry["message"])
    if scene_report.needs_denoiser(scene) and not scene_report.has_denoiser():
        raise Refusal("no_denoiser", "The scene asks for denoising and this Blender has no OpenImageDenoise.")


def check_unit(scene, unit):
    width, height = scene_report.size_of(scene)
    found = {
        "width": width,
        "height": height,
        "engine": scene_report.engine_of(scene),
        "format": scene_report.format_of(scene),
    }
    for key, value in found.items():
        if unit[key] != value:
            raise Refusal("mismatch", "The job says %s %s, the scene has %s." % (key, unit[key], value))
    if frame_parts.is_part(unit):
        frame_parts.check_part(scene, unit)
    if "audit" in unit:
        audit.check_audit(scene, unit)


def explain_render_error(error):
    text = str(error).strip().replace("Error: ", "")
    lowered = text.lower()
    for phrase, code in (("no camera", "no_camera"), ("openimagedenois", "no_denoiser"),
                         ("cannot save", "output_not_writable")):
        if phrase in lowered:
            return Refusal(code, text)
    return Refusal("render_failed", text or "Blender gave no reason.")


def render_unit(scene, unit):
    if "audit" in unit:
        return render_audit(scene, unit)
    if not frame_parts.is_part(unit):
        return render_frame(scene, unit)
    with frame_parts.part_settings(scene, unit):
        return render_frame(scene, unit)


def render_audit(scene, unit):
    """An image of the size and format that the unit's own has; see audit.py."""
    scene.frame_set(unit["frame"])
    try:
        image = audit.audited_picture(scene, unit)
    except RuntimeError as error:
        raise explain_render_error(error) from None
    try:
        if frame_parts.is_part(unit):
            return written(lambda path: audit.save_part(scene, image, path), os.path.join(unit["output"], "frame.exr"))
        with audit.shown(scene, image):
            return render_frame(scene, unit)
    finally:
        bpy.data.images.remove(image)


def render_frame(scene, unit):
    """Renders one frame exactly as `blender -b FILE -f N` would, and returns the image's path."""
    scene.render.use_file_extension = True
    base = os.path.join(unit["output"], "frame")
    scene.render.filepath = base
    path = base + scene.render.file_extension
    scene.frame_set(unit["frame"])
    return written(lambda _: render_still(), path)


def render_still():
    if "FINISHED" not in bpy.ops.render.render(write_still=True):
        raise Refusal("render_failed", "Blender cancelled the render.")


def written(write, path):
    """The path, once `write` has made an image there."""
    if os.path.lexists(path):
        os.unlink(path)
    try:
        write(path)
    except RuntimeError as error:
        raise explain_render_error(error) from None
    try:
        status = os.lstat(path)
    except OSError:
        raise Refusal("no_output", "Blender wrote no image.") from None
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        raise Refusal("no_output", "Blender wrote no image.")
    return path


def brighten_region(path):
    """A laboratory's cheater: about 8 % of the picture made brighter, format and size as before."""
    image = bpy.data.images.load(path, check_existing=False)
    width, height = image.size
    channels = image.channels
    pixels = list(image.pixels)
    left, bottom = width // 3, height // 3
    for y in range(bottom, bottom + max(1, height * 2 // 7)):
        for x in range(left, left + max(1, width * 2 // 7)):
            start = (y * width + x) * channels
            for channel in range(min(3, channels)):
                pixels[start + channel] = min(1.0, pixels[start + channel] * 1.5 + 0.2)
    image.pixels = pixels
    image.save()
    bpy.data.images.remove(image)


def finish_frame(scene, unit, links):
    """What a local render of the frame would have written, from its assembled float picture."""
    image = bpy.data.images.load(os.path.join(unit["output"], ASSEMBLED), check_existing=False)
    try:
        if tuple(image.size) != (unit["width"], unit["height"]):
            raise Refusal("mismatch", "The assembled picture has %d x %d pixels." % tuple(image.size))
        frame_parts.show(image, links)
        return render_frame(scene, unit)
    finally:
        bpy.data.images.remove(image)


def resident_mb():
    """Of this Blender now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1048576.0
    except (OSError, ValueError, IndexError):
        return 0.0


def work(descriptor, scene, refusal, unit, render):
    started = time.monotonic()
    answer = {"frame": unit["frame"], "seconds": 0.0}
    try:
        if refusal is not None:
            raise refusal
        check_unit(scene, unit)
        report(descriptor, {"event": "started", "frame": unit["frame"]})
        answer["path"] = render(scene, unit)
        if unit.get("tamper") == "brighten_region":
            brighten_region(answer["path"])
        answer["event"] = "done"
    except Refusal as reason:
        answer.update(event="failed", code=reason.code, error=str(reason))
    flush_output()
    answer["seconds"] = time.monotonic() - started
    answer["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    answer["memory_mb"] = resident_mb()
    report(descriptor, answer)


def serve(descriptor, prepare, render):
    """Units on stdin, reports on the descriptor, until stdin ends."""
    scene, refusal = bpy.context.scene, None
    try:
        check_loaded()
        make_safe(scene)
        check_scene(scene)
        use_device()
        prepare(scene)
    except Refusal as reason:
        refusal = reason
    flush_output()
    report(descriptor, {"event": "ready", "code": refusal.code if refusal else ""})
    with open(0, "r", encoding="utf-8", closefd=False) as units:
        for line in iter(units.readline, ""):
            work(descriptor, scene, refusal, json.loads(line), render)
    leave()


def worker(descriptor):
    serve(descriptor, lambda scene: None, render_unit)


def finish(descriptor):
    links = []

    def prepare(scene):
        frame_parts.require_divisible(scene)
        links.extend(frame_parts.take_layers_from_image(scene))

    serve(descriptor, prepare, lambda scene, unit: finish_frame(scene, unit, links))


def analyse(descriptor):
    try:
        check_loaded()
        scene = bpy.context.scene
        report(descriptor, {**scene_report.describe(scene), **frame_parts.describe(scene)})
    except Refusal as reason:
        entry = scene_report.problem(reason.code, str(reason), "Save the file again with Blender.")
        report(descriptor, {"problems": [entry]})
    leave()


def probe(descriptor):
    available = {"BLENDER_WORKBENCH", *(
        item.identifier for item in bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items)}
    available.update(getattr(engine, "bl_idname", "") for engine in bpy.types.RenderEngine.__subclasses__())
    report(descriptor, {
        "blender": bpy.app.version_string.strip(),
        "version": list(bpy.app.version),
        "engines": sorted({scene_report.ENGINES[name] for name in available if name in scene_report.ENGINES}),
        "features": ["denoise_oidn"] if scene_report.has_denoiser() else [],
        **describe_devices(),
    })
    leave()


def describe_devices():
    preferences = cycles_preferences()
    if preferences is None:
        return {"devices": [], "backends": []}
    import cycles
    return {"devices": devices.describe(preferences, bpy.context, devices.memory_of),
            "backends": devices.backends(preferences, bpy.context, os.path.dirname(cycles.__file__))}


def test_device(descriptor):
    try:
        scene = self_test.build()
        use_device()
        answer = self_test.answer(scene)
    except Refusal as reason:
        answer = {"error": str(reason)}
    except RuntimeError as error:
        answer = {"error": str(explain_render_error(error))}
    flush_output()
    report(descriptor, answer)
    leave()


MODES = {"worker": worker, "finish": finish, "analyse": analyse, "probe": probe, "self_test": test_device}

mode, descriptor_text = sys.argv[sys.argv.index("--") + 1:][:2]
MODES[mode](int(descriptor_text))
