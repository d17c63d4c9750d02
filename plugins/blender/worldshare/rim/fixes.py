"""One-click fixes for what makes a farm's render fail or differ. Each changes settings of the open scene, with undo."""

import bpy

from ..reader import frame_parts, scene_report


def use_png(scene):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # 5.0
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"


def stamps_off(scene):
    scene.render.use_stamp = False


def multiview_off(scene):
    scene.render.use_multiview = False


def time_limit_off(scene):
    scene.cycles.time_limit = 0


def osl_off(scene):
    scene.cycles.shading_system = False


def freestyle_parameters(scene):
    for layer in scene.view_layers:
        layer.freestyle_settings.mode = "EDITOR"


def take_camera(scene):
    """The only or the first camera of the scene."""
    cameras = [thing for thing in scene.objects if thing.type == "CAMERA"]
    if not cameras:
        raise RuntimeError("The scene has no camera to choose; add one")
    scene.camera = cameras[0]


def denoise_off(scene):
    scene.cycles.use_denoising = False
    for _, node in scene_report.nodes_of(scene_report.compositor_tree(scene)):
        if node.bl_idname == "CompositorNodeDenoise":
            node.mute = True


def adaptive_off(scene):
    scene.cycles.use_adaptive_sampling = False


def unsaved_images():
    return [image for image in bpy.data.images if image.users and image.is_dirty and image.source in {"FILE", "GENERATED"}]


def pack_unsaved(scene):
    for image in unsaved_images():
        image.pack()


def mute_file_outputs(scene):
    for _, node in scene_report.nodes_of(scene_report.compositor_tree(scene)):
        if node.bl_idname == "CompositorNodeOutputFile":
            node.mute = True


def look_beside(scene):
    """Files of the same names, in the folder of this file and below it."""
    if not bpy.data.filepath:
        raise RuntimeError("This file has no folder yet; save it first")
    bpy.ops.file.find_missing_files(directory=bpy.path.abspath("//"))


def bake_caches(scene):
    bpy.ops.ptcache.bake_all(bake=True)


FIXES = {
    "movie_format": ("Write PNG", use_png),
    "format_unsupported": ("Write PNG", use_png),
    "stamp": ("Burn nothing in", stamps_off),
    "multiview": ("Stereoscopy off", multiview_off),
    "time_limit": ("No time limit", time_limit_off),
    "osl": ("OSL off", osl_off),
    "freestyle_script": ("Parameter editor", freestyle_parameters),
    "no_camera": ("Take a camera", take_camera),
    "denoiser": ("Denoising off", denoise_off),
    "unsaved_image": ("Pack images", pack_unsaved),
    "adaptive": ("Adaptive off", adaptive_off),
    "unbaked_simulation": ("Bake all", bake_caches),
    "file_output_node": ("Mute them", mute_file_outputs),
    **{"missing_" + kind: ("Look beside this file", look_beside) for kind in ("texture", "library", "font", "file")},
}


def notes(scene):
    """What only this side knows, and what renders well and yet has a price."""
    found = []
    for image in unsaved_images():
        found.append(scene_report.problem(
            "unsaved_image", "The image %s has changes that were never saved; the farm would not see them." % image.name,
            "Save it, or pack it into the file.", True))
    if scene_report.needs_denoiser(scene):
        found.append(scene_report.problem(
            "denoiser", "Denoising needs machines whose Blender has OpenImageDenoise, and keeps frames whole.",
            "Fewer machines can help; switch it off to use all.", False))
    if frame_parts.is_adaptive(scene):
        found.append(scene_report.problem(
            "adaptive", "Adaptive sampling: long frames are divided into tiles only, not into ranges of samples.",
            "Nothing to do unless single frames take very long.", False))
    if scene_report.engine_of(scene) == "eevee":
        found.append(scene_report.problem(
            "eevee", "Eevee is only given to machines that can draw without a display, and its frames stay whole.",
            "Nothing to do; Cycles reaches more machines.", False))
    return found
