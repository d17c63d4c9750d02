"""Writes the small scenes of the Blender tests: blender -b --factory-startup -noaudio -P make_scenes.py -- FOLDER"""

import os
import sys

import bpy

folder = sys.argv[sys.argv.index("--") + 1]


def fresh(engine="CYCLES", samples=2):
    """A moving cube, a lamp and a camera, 64x36, frames 1 to 5."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    render = scene.render
    render.engine = engine
    render.resolution_x, render.resolution_y, render.resolution_percentage = 64, 36, 100
    scene.frame_start, scene.frame_end = 1, 5
    scene.cycles.samples = samples
    scene.cycles.use_denoising = False
    scene.eevee.taa_render_samples = 4
    cube = bpy.data.objects["Cube"]
    for frame, angle in ((1, 0.0), (5, 1.5)):
        cube.rotation_euler.z = angle
        cube.keyframe_insert("rotation_euler", frame=frame)
    return scene


def save(name, compress=False):
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, name), compress=compress, copy=True)


def textured(path):
    image = bpy.data.images.load(path)
    material = bpy.data.objects["Cube"].active_material
    nodes = material.node_tree.nodes
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    material.node_tree.links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return image


def picture(name):
    image = bpy.data.images.new(name, 8, 8)
    image.filepath_raw = os.path.join(folder, name)
    image.file_format = "PNG"
    image.save()
    bpy.data.images.remove(image)
    return os.path.join(folder, name)


scene = fresh()
scene.render.use_motion_blur = True
save("cycles.blend")
save("cycles_zstd.blend", compress=True)

scene = fresh(samples=4)
scene.render.use_border = scene.render.use_crop_to_border = True
scene.render.border_min_x, scene.render.border_max_x = 0.25, 0.75
scene.render.resolution_percentage = 50
scene.render.image_settings.color_depth = "16"
save("cropped.blend")

fresh("BLENDER_WORKBENCH")
save("workbench.blend")
fresh("BLENDER_EEVEE_NEXT" if (4, 2) <= bpy.app.version < (5, 0) else "BLENDER_EEVEE")
save("eevee.blend")

scene = fresh()
scene.render.image_settings.file_format = "OPEN_EXR"
save("exr.blend")
scene = fresh()
scene.render.image_settings.file_format = "JPEG"
save("jpeg.blend")

scene = fresh(samples=4096)
scene.render.resolution_x, scene.render.resolution_y = 640, 360
save("slow.blend")

fresh()
image = textured(picture("gone.png"))
save("missing_texture.blend")
image.pack()
save("packed_texture.blend")
os.unlink(os.path.join(folder, "gone.png"))

fresh()
textured(picture("beside.png"))
save("external_texture.blend")

fresh()
bpy.data.images.load(os.path.join(folder, "beside.png")).use_fake_user = True
save("unused_texture.blend")

fresh()
save("library.blend")
fresh()
with bpy.data.libraries.load(os.path.join(folder, "library.blend"), link=True) as (_, linked):
    linked.objects = ["Light"]
bpy.context.scene.collection.objects.link(linked.objects[0])
save("missing_library.blend")
os.unlink(os.path.join(folder, "library.blend"))

scene = fresh()
scene.cycles.use_denoising = True
save("denoise.blend")

scene = fresh()
scene.camera = None
save("no_camera.blend")

scene = fresh()
scene.use_nodes = True
output = scene.node_tree.nodes.new("CompositorNodeOutputFile")
output.base_path = os.path.join(folder, "stolen")
scene.node_tree.links.new(scene.node_tree.nodes["Render Layers"].outputs["Image"], output.inputs[0])
gamma = scene.node_tree.nodes.new("CompositorNodeGamma")
gamma.inputs[1].default_value = 2.0
scene.node_tree.links.new(scene.node_tree.nodes["Render Layers"].outputs["Image"], gamma.inputs[0])
scene.node_tree.links.new(gamma.outputs[0], scene.node_tree.nodes["Composite"].inputs[0])
save("compositor.blend")

scene = fresh()
bpy.data.objects["Cube"].modifiers.new("Cloth", "CLOTH")
scene.render.image_settings.file_format = "FFMPEG"
scene.cycles.time_limit = 5.0
scene.render.use_stamp = True
save("problems.blend")

fresh()
driver = bpy.data.objects["Cube"].driver_add("location", 0).driver
driver.expression = "__import__('os').getpid() * 0.0"
save("driver.blend")
# Evaluated by renders only, where Blender complains once.
bpy.data.objects["Cube"].hide_viewport = True
save("hidden_driver.blend")

# Some 400 million faces when it is rendered.
scene = fresh()
for level in (6, 6):
    modifier = bpy.data.objects["Cube"].modifiers.new("Subdivision", "SUBSURF")
    modifier.subdivision_type = "SIMPLE"
    modifier.levels, modifier.render_levels = 0, level
save("memory_bomb.blend")
