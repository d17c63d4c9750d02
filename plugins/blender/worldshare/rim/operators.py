"""What the artist can do: analyse, fix, estimate, submit, cancel, and go on with what was interrupted."""

import bpy

from ..core import client
from . import fixes, session, settings


class WORLDSHARE_OT_analyse(bpy.types.Operator):
    """Read the scene: what it is made of, what kind it is, what would go wrong on a farm"""

    bl_idname = "worldshare.analyse"
    bl_label = "Analyse"

    def execute(self, context):
        analysis = session.get().analyse(context.scene)
        if bpy.app.background:  # no timers there
            while not analysis.step():
                pass
        return {"FINISHED"}


class WORLDSHARE_OT_fix(bpy.types.Operator):
    """Change the scene so that this does not happen. Can be undone"""

    bl_idname = "worldshare.fix"
    bl_label = "Fix"
    bl_options = {"UNDO"}

    code: bpy.props.StringProperty()

    def execute(self, context):
        if self.code not in fixes.FIXES:
            self.report({"ERROR"}, "There is no fix for '%s'" % self.code)
            return {"CANCELLED"}
        try:
            fixes.FIXES[self.code][1](context.scene)
        except RuntimeError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        bpy.ops.worldshare.analyse()
        return {"FINISHED"}


class WORLDSHARE_OT_estimate(bpy.types.Operator):
    """Render a few tiny pictures in a background Blender and compute how long a frame takes"""

    bl_idname = "worldshare.estimate"
    bl_label = "Estimate"

    @classmethod
    def poll(cls, context):
        return session.get().analysis_of(context.scene) is not None and session.get().estimating is None

    def execute(self, context):
        session.get().start_estimate(context.scene)
        return {"FINISHED"}


def why_not_submit(scene):
    """A reason that this cannot be submitted now, or nothing."""
    now = session.get()
    if not settings.online():
        return settings.OFFLINE
    address, _, origin = now.address()
    if not address:
        return "No farm: set the server in the add-on's preferences, or start one here with ./dev up (looked: %s)" % origin
    try:
        client.Client(address)
    except client.ApiError as error:
        return str(error)
    if any(run.is_alive() for run in now.runs.values()):
        return "A submission is on its way already"
    return ""


class WORLDSHARE_OT_submit(bpy.types.Operator):
    """Pack a copy of this file and hand it in to the farm. Your file stays as it is; Blender stays usable"""

    bl_idname = "worldshare.submit"
    bl_label = "Submit"

    _timer = None

    @classmethod
    def poll(cls, context):
        return not any(run.is_alive() for run in session.get().runs.values())

    def invoke(self, context, event):
        """Analyses first, where that is needed, without blocking; ESC stops it."""
        if not self.ready(context):
            return {"CANCELLED"}
        found = session.get().analysis_of(context.scene)
        if found is not None and not found.stale:
            return self.submit(context)
        session.get().analyse(context.scene)
        self._timer = context.window_manager.event_timer_add(0.05, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        analysis = session.get().analysis
        if event.type == "ESC" or analysis is None:
            return self.end(context, {"CANCELLED"})
        if event.type == "TIMER" and not analysis.running:
            return self.end(context, self.submit(context))
        return {"PASS_THROUGH"}

    def end(self, context, result):
        context.window_manager.event_timer_remove(self._timer)
        return result

    def cancel(self, context):
        context.window_manager.event_timer_remove(self._timer)

    def execute(self, context):
        """For scripts: all at once."""
        if not self.ready(context):
            return {"CANCELLED"}
        analysis = session.get().analyse(context.scene)
        while not analysis.step(1.0):
            pass
        return self.submit(context)

    def ready(self, context):
        reason = why_not_submit(context.scene)
        if reason:
            self.report({"ERROR"}, reason)
        return not reason

    def submit(self, context):
        now, scene = session.get(), context.scene
        analysis = now.analysis_of(scene)
        if analysis is None:
            self.report({"ERROR"}, "The scene could not be analysed: %s" % (now.analysis.error if now.analysis else ""))
            return {"CANCELLED"}
        if analysis.fatal():
            first = analysis.fatal()[0]
            self.report({"ERROR"}, "%s %s" % (first["message"], first["remedy"]))
            return {"CANCELLED"}
        folder = bpy.path.abspath(settings.preferences().folder)
        if not bpy.data.filepath and settings.preferences().folder.startswith("//"):
            folder = bpy.path.abspath("//worldshare", start=now.folder)
        try:
            now.submit(scene, folder)
        except (OSError, RuntimeError) as error:
            self.report({"ERROR"}, "The copy could not be saved: %s" % error)
            return {"CANCELLED"}
        return {"FINISHED"}


class KeyedOperator:
    key: bpy.props.StringProperty()


class WORLDSHARE_OT_cancel_submission(KeyedOperator, bpy.types.Operator):
    """Stop this submission; nothing of it stays on this machine"""

    bl_idname = "worldshare.cancel_submission"
    bl_label = "Cancel"

    def execute(self, context):
        session.get().cancel(self.key)
        return {"FINISHED"}


class WORLDSHARE_OT_retry_submission(KeyedOperator, bpy.types.Operator):
    """Go on where it stood"""

    bl_idname = "worldshare.retry_submission"
    bl_label = "Go on"

    def execute(self, context):
        now = session.get()
        entry = now.book.submission(self.key)
        if entry is None or not settings.online():
            self.report({"ERROR"}, "It is gone" if entry is None else settings.OFFLINE)
            return {"CANCELLED"}
        now.start(entry, context.scene)
        return {"FINISHED"}


class WORLDSHARE_OT_discard_submission(KeyedOperator, bpy.types.Operator):
    """Forget this submission and remove its packed copy"""

    bl_idname = "worldshare.discard_submission"
    bl_label = "Discard"

    def execute(self, context):
        session.get().discard(self.key)
        return {"FINISHED"}


class WORLDSHARE_OT_test_server(bpy.types.Operator):
    """Ask the server whether it is there; the answer comes in a moment"""

    bl_idname = "worldshare.test_server"
    bl_label = "Test the connection"

    def execute(self, context):
        reason = why_not_submit(context.scene)
        if reason and not reason.startswith("A submission"):
            self.report({"ERROR"}, reason)
            return {"CANCELLED"}
        now = session.get()
        now.refresh_address()
        address, token, _ = now.address()
        now.server_told = "asking %s" % address
        now.ask("test", client.Client(address, token, 5).health)
        return {"FINISHED"}


class WORLDSHARE_OT_dismiss(bpy.types.Operator):
    """Remove these messages"""

    bl_idname = "worldshare.dismiss"
    bl_label = "Dismiss"

    def execute(self, context):
        session.get().notices = []
        return {"FINISHED"}


CLASSES = (
    WORLDSHARE_OT_analyse, WORLDSHARE_OT_fix, WORLDSHARE_OT_estimate, WORLDSHARE_OT_submit,
    WORLDSHARE_OT_cancel_submission, WORLDSHARE_OT_retry_submission, WORLDSHARE_OT_discard_submission,
    WORLDSHARE_OT_test_server, WORLDSHARE_OT_dismiss,
)
