"""What the artist can do with a job: pause, cancel, change its priority; look at its pictures."""

import os

import bpy

from . import session, settings


class JobOperator:
    job: bpy.props.StringProperty()

    def entry(self):
        return session.get().book.job(self.job)


class WORLDSHARE_OT_control(JobOperator, bpy.types.Operator):
    """Tell the farm what to do with this job"""

    bl_idname = "worldshare.control"
    bl_label = "Control"

    action: bpy.props.EnumProperty(items=[
        (name, name.capitalize(), "") for name in ("pause", "resume", "cancel", "requeue", "priority")])
    priority: bpy.props.IntProperty(name="Priority", default=50, min=0, max=100)

    @classmethod
    def description(cls, context, properties):
        return {
            "pause": "No further frames are given out; what is in work is finished",
            "resume": "Go on",
            "cancel": "End this job; verified frames stay",
            "requeue": "Render the failed frames again",
            "priority": "Change this job's place among yours",
        }[properties.action]

    def invoke(self, context, event):
        if self.action == "cancel":
            return context.window_manager.invoke_confirm(self, event)
        if self.action == "priority":
            self.priority = self.entry()["priority"]
            return context.window_manager.invoke_props_dialog(self)
        return self.execute(context)

    def draw(self, context):
        self.layout.prop(self, "priority", slider=True)

    def execute(self, context):
        now, entry = session.get(), self.entry()
        if entry is None or not settings.online():
            self.report({"ERROR"}, "There is no such job" if entry is None else settings.OFFLINE)
            return {"CANCELLED"}
        now.refresh_address()
        action, job, api = str(self.action), entry["id"], now.client_of(entry["server"])
        values = {"priority": self.priority} if action == "priority" else {}
        if values:
            now.book.note(entry["id"], values)
        if action == "requeue":
            now.book.note(job, {"fetched": False})
        now.ask(action, lambda: api.control(job, action, **values))
        return {"FINISHED"}


class WORLDSHARE_OT_forget(JobOperator, bpy.types.Operator):
    """Take this job off the list. Its pictures stay"""

    bl_idname = "worldshare.forget"
    bl_label = "Remove from the list"

    def execute(self, context):
        session.get().forget(self.job)
        return {"FINISHED"}


class WORLDSHARE_OT_open_folder(JobOperator, bpy.types.Operator):
    """Open the folder with the verified frames"""

    bl_idname = "worldshare.open_folder"
    bl_label = "Open folder"

    def execute(self, context):
        folder = self.entry()["folder"]
        if not os.path.isdir(folder):
            self.report({"ERROR"}, "Nothing is there yet: %s" % folder)
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=folder)
        return {"FINISHED"}


class WORLDSHARE_OT_show_frame(JobOperator, bpy.types.Operator):
    """Show this verified frame in the image editor"""

    bl_idname = "worldshare.show_frame"
    bl_label = "Show"

    frame: bpy.props.StringProperty()

    def execute(self, context):
        path = self.entry()["files"].get(self.frame, "")
        if not os.path.isfile(path):
            self.report({"ERROR"}, "The file is gone: %s" % path)
            return {"CANCELLED"}
        image = bpy.data.images.load(path, check_existing=True)
        area = image_area(context)
        if area is None:
            self.report({"INFO"}, "%s is loaded; open an image editor to see it" % image.name)
        else:
            area.spaces.active.image = image
        return {"FINISHED"}


def image_area(context):
    """An image editor of this window; else a new window with one."""
    screens = [window.screen for window in context.window_manager.windows]
    for screen in screens:
        for area in screen.areas:
            if area.type == "IMAGE_EDITOR":
                return area
    if bpy.app.background:
        return None
    bpy.ops.wm.window_new()
    area = context.window_manager.windows[-1].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    return area


class WORLDSHARE_OT_to_sequencer(JobOperator, bpy.types.Operator):
    """Add the verified frames to the video sequencer, as one strip"""

    bl_idname = "worldshare.to_sequencer"
    bl_label = "To sequencer"
    bl_options = {"UNDO"}

    def execute(self, context):
        entry, scene = self.entry(), context.scene
        numbers = sorted(int(frame) for frame, path in entry["files"].items() if os.path.isfile(path))
        if not numbers:
            self.report({"ERROR"}, "No frame of this job is here yet")
            return {"CANCELLED"}
        editor = scene.sequence_editor or scene.sequence_editor_create()
        strips = editor.strips if hasattr(editor, "strips") else editor.sequences
        channel = 1 + max((strip.channel for strip in strips), default=0)
        paths = [entry["files"][str(frame)] for frame in numbers]
        strip = strips.new_image(name=entry["title"], filepath=paths[0], channel=channel, frame_start=numbers[0])
        for path in paths[1:]:
            strip.elements.append(os.path.basename(path))
        return {"FINISHED"}


CLASSES = (
    WORLDSHARE_OT_control, WORLDSHARE_OT_forget, WORLDSHARE_OT_open_folder, WORLDSHARE_OT_show_frame,
    WORLDSHARE_OT_to_sequencer,
)
