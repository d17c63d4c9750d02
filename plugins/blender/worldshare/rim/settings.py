"""The artist's settings: of this scene (saved in the file, undone with it) and of this user (preferences)."""

import os

import bpy

from ..core.routing import CLASSES

ADDON = __package__.rpartition(".")[0]
MODES = [
    ("automatic", "Automatic", "Tiles, and ranges of samples where tiles are not enough"),
    ("frames", "Whole frames", "Never divide a frame"),
    ("tiles", "Tiles", "Divide long frames into tiles"),
    ("samples", "Samples", "Divide long frames into ranges of samples"),
]


def override(text):
    return bpy.props.BoolProperty(name="Override", description="Decide this yourself: %s" % text, default=False)


class WorldShareScene(bpy.types.PropertyGroup):
    own_frames: override("which frames are rendered")
    first: bpy.props.IntProperty(name="First", default=1)
    last: bpy.props.IntProperty(name="Last", default=250)
    step: bpy.props.IntProperty(name="Step", default=1, min=1)
    own_class: override("what kind of scene this is")
    scene_class: bpy.props.EnumProperty(name="Class", items=[(name, name.capitalize(), "") for name in CLASSES])
    own_mode: override("how frames are divided")
    mode: bpy.props.EnumProperty(name="Division", items=MODES)
    own_unit_seconds: override("how long one unit of work takes")
    unit_seconds: bpy.props.IntProperty(name="Unit", default=300, min=10, max=86400, subtype="TIME_ABSOLUTE")
    own_max_frames: override("how many short frames are handed out together")
    max_frames: bpy.props.IntProperty(name="Frames a unit", default=1, min=1, max=1000)
    own_replicas: override("how many volunteers render each frame")
    replicas: bpy.props.IntProperty(name="Replicas", default=2, min=1, max=9)
    own_max_replicas: override("how many owners are asked before a frame fails")
    max_replicas: bpy.props.IntProperty(name="At most", default=5, min=1, max=99)
    own_priority: override("the place among your jobs")
    priority: bpy.props.IntProperty(name="Priority", default=50, min=0, max=100, subtype="PERCENTAGE")
    own_memory: override("whether only machines with enough memory are asked")
    memory: bpy.props.BoolProperty(name="Require memory", default=False)
    deadline_hours: bpy.props.FloatProperty(
        name="Ready in", description="Hours from the submission; 0: whenever it is done", default=0.0, min=0.0, max=8760.0)
    probe: bpy.props.BoolProperty(
        name="Estimate first", default=True,
        description="Render a few tiny pictures in the background, so that the farm knows how long a frame takes")


class WorldSharePreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    server: bpy.props.StringProperty(
        name="Server", description="The farm's address, http://host:port. Empty: the farm on this machine, if one is up")
    token: bpy.props.StringProperty(
        name="API token", subtype="PASSWORD",
        description="What the farm knows you by. Blender keeps it unencrypted in your user preferences")
    folder: bpy.props.StringProperty(
        name="Results", subtype="DIR_PATH", default="//worldshare",
        description="Where verified frames go, a folder for each job")
    fetch: bpy.props.BoolProperty(
        name="Fetch frames as they are verified", default=True)

    def draw(self, context):
        column = self.layout.column()
        column.prop(self, "server")
        column.prop(self, "token")
        column.prop(self, "folder")
        column.prop(self, "fetch")
        column.operator("worldshare.test_server", icon="URL")


def preferences():
    return bpy.context.preferences.addons[ADDON].preferences


def user_folder():
    if hasattr(bpy.utils, "extension_path_user") and ADDON.startswith("bl_ext."):
        return bpy.utils.extension_path_user(ADDON, create=True)
    return os.path.join(bpy.utils.user_resource("CONFIG"), "worldshare")


def threads_of(scene):
    return scene.render.threads if scene.render.threads_mode == "FIXED" else os.cpu_count() or 1


def online():
    """Whether Blender's user allows network access at all (4.2+)."""
    return getattr(bpy.app, "online_access", True)


OFFLINE = "Online access is off: Preferences > System > Network > Allow Online Access"


def overrides(own):
    """The artist's decisions by name."""
    names = ("mode", "unit_seconds", "max_frames", "replicas", "max_replicas", "priority", "memory")
    return {name: getattr(own, name) for name in names if getattr(own, "own_" + name)}


def frames_of(scene):
    own = scene.worldshare
    if own.own_frames:
        return {"first": own.first, "last": own.last, "step": own.step}
    return {"first": scene.frame_start, "last": scene.frame_end, "step": scene.frame_step}


CLASSES_TO_REGISTER = (WorldShareScene, WorldSharePreferences)


def register():
    for cls in CLASSES_TO_REGISTER:
        bpy.utils.register_class(cls)
    bpy.types.Scene.worldshare = bpy.props.PointerProperty(type=WorldShareScene)


def unregister():
    del bpy.types.Scene.worldshare
    for cls in reversed(CLASSES_TO_REGISTER):
        bpy.utils.unregister_class(cls)
