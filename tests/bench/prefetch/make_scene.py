"""A cube and a ballast of random bytes: blender -b --factory-startup -P make_scene.py -- OUT.blend SEED MIB SAMPLES"""

import random
import sys

import bpy

out, seed, mib, samples = sys.argv[sys.argv.index("--") + 1:]
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 320, 180, 100
scene.cycles.samples = int(samples)
scene.cycles.use_adaptive_sampling = False
scene.cycles.use_denoising = False
ballast = random.Random(int(seed)).randbytes(int(mib) << 20)
image = bpy.data.images.new("ballast", 8, 8)
image.pack(data=ballast, data_len=len(ballast))
image.use_fake_user = True
bpy.ops.wm.save_as_mainfile(filepath=out, compress=False)
