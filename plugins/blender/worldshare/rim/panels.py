"""The panels: in the 3D view's sidebar and in the output properties, with the same content."""

import bpy

from ..core import estimate, report_text, routing
from . import fixes, job_panels, redrawing, settings, session
from .text import wrapped

DECISION_LABELS = {
    "mode": "Division", "unit_seconds": "Unit of work", "max_frames": "Frames a unit", "replicas": "Replicas",
    "max_replicas": "Owners at most", "priority": "Priority", "memory": "Memory",
}


def value_text(name, value):
    if name == "unit_seconds":
        return estimate.duration_text(value)
    if name == "memory":
        return "required" if value else "not required"
    return str(value)


class ScenePanel:
    """First of all: the farm, and what is to be done next."""

    bl_label = "WorldShare"

    def draw(self, context):
        now, layout = session.get(), self.layout
        redrawing.note(context.region)
        address, _, origin = now.known_address()
        row = layout.row(align=True)
        row.label(text=address or "no farm (%s)" % origin, icon="URL" if address else "ERROR")
        row.operator("worldshare.test_server", text="", icon="FILE_REFRESH")
        if now.server_told:
            layout.label(text=now.server_told)
        if not settings.online():
            wrapped(layout, context, settings.OFFLINE, icon="ERROR")
        if now.notices:
            box = layout.box()
            for text in now.notices:
                wrapped(box, context, text, icon="INFO")
            box.operator("worldshare.dismiss", icon="X")
        self.draw_steps(context, now)

    def draw_steps(self, context, now):
        layout, found = self.layout, now.analysis
        running = found is not None and found.running
        column = layout.column(align=True)
        column.scale_y = 1.3
        column.enabled = not running
        column.operator("worldshare.analyse", text="Reading the scene ..." if running else "Analyse", icon="VIEWZOOM")
        row = column.row(align=True)
        row.operator("worldshare.estimate", text="Estimating ..." if now.estimating else "Estimate", icon="TIME")
        column.operator("worldshare.submit", text="Submit to the farm", icon="EXPORT")
        if found is not None and found.error:
            wrapped(layout, context, found.error, icon="ERROR")
        done = now.analysis_of(context.scene)
        if done is None:
            return
        own = context.scene.worldshare
        box = layout.box()
        row = box.row()
        row.label(text="Class: " + (own.scene_class if own.own_class else done.decision.value), icon="OUTLINER_OB_CAMERA")
        row.prop(own, "own_class", text="", icon="GREASEPENCIL")
        if own.own_class:
            box.prop(own, "scene_class", text="")
        wrapped(box, context, done.decision.reason)
        wrapped(box, context, report_text.estimate_line(now.estimates.get(context.scene.name)), icon="TIME")
        if done.stale:
            box.label(text="Changed since", icon="FILE_REFRESH")


class AfterAnalysis:
    """Shown once the scene was analysed."""

    @classmethod
    def poll(cls, context):
        return session.get().analysis_of(context.scene) is not None


class ReportPanel(AfterAnalysis):
    bl_label = "Report"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        found = session.get().analysis_of(context.scene)
        for label, text in report_text.lines(found.facts):
            wrapped(self.layout, context, "%s: %s" % (label, text))
        wrapped(self.layout, context, "read in %.0f ms, in steps of %.0f ms at most" % (
            found.busy_seconds * 1000, found.longest_step * 1000))


class WarningsPanel(AfterAnalysis):
    bl_label = "Warnings"

    def draw_header_preset(self, context):
        found = session.get().analysis_of(context.scene)
        fatal = len(found.fatal()) if found else 0
        self.layout.label(text="%d to solve" % fatal if fatal else "", icon="ERROR" if fatal else "CHECKMARK")

    def draw(self, context):
        found = session.get().analysis_of(context.scene)
        if not found.problems:
            self.layout.label(text="Nothing stands in the way", icon="CHECKMARK")
        for entry in found.problems[:20]:
            box = self.layout.box()
            wrapped(box, context, entry["message"], icon="ERROR" if entry["fatal"] else "INFO")
            wrapped(box, context, entry["remedy"])
            if entry["code"] in fixes.FIXES:
                box.operator("worldshare.fix", text=fixes.FIXES[entry["code"]][0], icon="MODIFIER").code = entry["code"]
        if len(found.problems) > 20:
            self.layout.label(text="and %d more" % (len(found.problems) - 20))


class RoutePanel(AfterAnalysis):
    bl_label = "Route"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        scene, own, layout = context.scene, context.scene.worldshare, self.layout
        decisions, all_facts = session.get().decisions(scene)
        frames = settings.frames_of(scene)
        layout.label(text="Render class: " + routing.render_class(all_facts, bpy.app.version))
        row = layout.row()
        row.label(text="Frames %(first)d to %(last)d, step %(step)d" % frames)
        row.prop(own, "own_frames", text="", icon="GREASEPENCIL")
        if own.own_frames:
            row = layout.row(align=True)
            for name in ("first", "last", "step"):
                row.prop(own, name)
        for name, decision in decisions.items():
            self.draw_decision(context, own, name, decision)
        layout.prop(own, "deadline_hours", text="Ready in (hours, 0: whenever)")
        layout.prop(own, "probe")
        seconds = routing.cost(all_facts, decisions)
        text = "%s of rendering, on all machines together" % estimate.duration_text(seconds) if seconds else "not estimated yet"
        layout.label(text="Cost: " + text, icon="FUND")

    def draw_decision(self, context, own, name, decision):
        box = self.layout.box()
        row = box.row()
        row.label(text="%s: %s" % (DECISION_LABELS[name], value_text(name, decision.value)))
        row.prop(own, "own_" + name, text="", icon="GREASEPENCIL")
        if getattr(own, "own_" + name):
            box.prop(own, name)
        wrapped(box, context, decision.reason)


class SidebarPanel:
    bl_space_type, bl_region_type, bl_category = "VIEW_3D", "UI", "WorldShare"


class PropertiesPanel:
    bl_space_type, bl_region_type, bl_context = "PROPERTIES", "WINDOW", "output"


CONTENTS = (ScenePanel, WarningsPanel, ReportPanel, RoutePanel, job_panels.SubmissionsPanel, job_panels.JobsPanel)


def made_for(place, prefix):
    """A panel of each content for this place; the first is the parent of the others."""
    made, parent = [], "WORLDSHARE_PT_%s_%s" % (prefix, CONTENTS[0].__name__)
    for content in CONTENTS:
        name = "WORLDSHARE_PT_%s_%s" % (prefix, content.__name__)
        members = {"bl_idname": name}
        if content is not CONTENTS[0]:
            members["bl_parent_id"] = parent
        elif place is PropertiesPanel:
            members["bl_options"] = {"DEFAULT_CLOSED"}
        made.append(type(name, (place, content, bpy.types.Panel), members))
    return made


CLASSES = (*made_for(SidebarPanel, "sidebar"), *made_for(PropertiesPanel, "output"))
