"""Writes what the tests of tiles and sample ranges need, from a scene of demo/make_scene.py:

blender -b --factory-startup -noaudio DEMO.blend -P make_part_scenes.py -- FOLDER
"""

import os
import sys

import bpy

folder = sys.argv[sys.argv.index("--") + 1]
source = bpy.data.filepath
# What parts of many samples take; from 3.5 on every part takes it, so the whole does here, too.
SOBOL = "SOBOL" if bpy.app.version < (3, 5) else "TABULATED_SOBOL"


def fresh():
    bpy.ops.wm.open_mainfile(filepath=source)
    scene = bpy.context.scene
    if bpy.app.version >= (3, 5):
        scene.cycles.sampling_pattern = SOBOL
    return scene


def save(name):
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, name), copy=True)


def compositor(scene, kind, output="Image"):
    scene.use_nodes = True
    tree = scene.node_tree
    node = tree.nodes.new(kind)
    tree.links.new(tree.nodes["Render Layers"].outputs[output], node.inputs[0])
    tree.links.new(node.outputs[0], tree.nodes["Composite"].inputs[0])
    return node


scene = fresh()
scene.cycles.use_adaptive_sampling = True
scene.cycles.adaptive_threshold = 0.05
scene.cycles.adaptive_min_samples = 4
scene.cycles.samples = 64
save("adaptive.blend")

# Every pixel reaches far beyond its tile; 16-bit output, transparent film, motion blur and dither.
scene = fresh()
blur = compositor(scene, "CompositorNodeBlur")
blur.size_x = blur.size_y = 9
scene.render.film_transparent = True
scene.render.use_motion_blur = True
scene.render.dither_intensity = 1.5
scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "16"
save("blurred.blend")

# What a compositor does to each pixel alone; everything else that can depend on its place.
scene = fresh()
compositor(scene, "CompositorNodeGamma").inputs[1].default_value = 1.4
scene.render.film_transparent = True
scene.render.use_motion_blur = True
scene.render.dither_intensity = 1.5
scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "16"
save("graded.blend")

scene = fresh()
scene.render.image_settings.file_format = "OPEN_EXR"
scene.render.image_settings.color_depth = "16"
save("half.blend")

scene = fresh()
scene.render.image_settings.file_format = "JPEG"
save("jpeg.blend")

# More samples than the tabulated pattern has: a part takes Sobol's, so the whole does here, too.
scene = fresh()
scene.render.resolution_x, scene.render.resolution_y = 32, 18
scene.cycles.samples, scene.cycles.sampling_pattern = 320, SOBOL
save("many_samples.blend")

scene = fresh()
scene.render.resolution_x, scene.render.resolution_y = 1200, 600
scene.cycles.samples = 1
save("wide.blend")

scene = fresh()
scene.view_layers[0].use_pass_z = True
compositor(scene, "CompositorNodeNormalize", "Depth")
save("depth.blend")

scene = fresh()
scene.render.use_stamp = True
for name in scene.render.bl_rna.properties.keys():
    if name.startswith("use_stamp_"):
        setattr(scene.render, name, name == "use_stamp_frame")
save("burnt.blend")
