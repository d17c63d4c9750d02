"""One frame of the demo's scene at 1920x1080, written by Blender in every format that a job may ask for.

blender -b --factory-startup -P tests/bench/decode/make_pictures.py -- SCENE.blend FOLDER SAMPLES
"""

import sys

import bpy

KINDS = [
    ("rgb8.png", {"file_format": "PNG", "color_mode": "RGB", "color_depth": "8", "compression": 15}),
    ("rgba8.png", {"file_format": "PNG", "color_mode": "RGBA", "color_depth": "8", "compression": 15}),
    ("rgba16.png", {"file_format": "PNG", "color_mode": "RGBA", "color_depth": "16", "compression": 15}),
    ("half.exr", {"file_format": "OPEN_EXR", "color_mode": "RGBA", "color_depth": "16", "exr_codec": "ZIP"}),
    ("float.exr", {"file_format": "OPEN_EXR", "color_mode": "RGB", "color_depth": "32", "exr_codec": "ZIP"}),
    ("rgb.jpg", {"file_format": "JPEG", "color_mode": "RGB", "quality": 90}),
]


def main():
    file, folder, samples = sys.argv[sys.argv.index("--") + 1:]
    bpy.ops.wm.open_mainfile(filepath=file)
    scene = bpy.context.scene
    scene.cycles.samples = int(samples)
    bpy.ops.render.render()
    for name, settings in KINDS:
        for key, value in settings.items():
            setattr(scene.render.image_settings, key, value)
        bpy.data.images["Render Result"].save_render(f"{folder}/{name}", scene=scene)


main()
