"""Writes the scene of the end-to-end tests: blender -b --factory-startup -noaudio -P make_scene.py -- OUT.blend ENGINE

A turning, glossy monkey over 24 frames, 96x54; a frame takes a few tenths of a second."""

import sys

import bpy

out, engine = sys.argv[sys.argv.index("--") + 1:]
bpy.ops.wm.read_homefile(use_factory_startup=True)
scene = bpy.context.scene
scene.render.engine = engine
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 96, 54, 100
scene.frame_start, scene.frame_end = 1, 24
scene.cycles.samples = 24
scene.cycles.use_denoising = False
bpy.data.objects.remove(bpy.data.objects["Cube"])
bpy.ops.mesh.primitive_monkey_add(size=3)
monkey = bpy.context.object
monkey.modifiers.new("Subdivision", "SUBSURF").render_levels = 2
material = bpy.data.materials.new("Gloss")
material.use_nodes = True
material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.8, 0.3, 0.1, 1)
material.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.2
monkey.data.materials.append(material)
for frame, angle in ((1, -0.6), (24, 1.6)):
    monkey.rotation_euler.z = angle
    monkey.keyframe_insert("rotation_euler", frame=frame)
bpy.ops.wm.save_as_mainfile(filepath=out, compress=False)
