"""The panels of what is on its way to the farm and of what is there."""

import os

from ..core import book, estimate
from . import session, thumbnails
from .text import progress, wrapped

SHOWN_FRAMES = 6
STATE_ICONS = {"completed": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL", "paused": "PAUSE", "unknown": "QUESTION"}


class SubmissionsPanel:
    bl_label = "On its way"

    @classmethod
    def poll(cls, context):
        return bool(session.get().book.submissions)

    def draw(self, context):
        now = session.get()
        for entry in now.book.submissions:
            box = self.layout.box()
            box.label(text=entry["title"], icon="EXPORT")
            wrapped(box, context, entry["text"])
            running = entry["key"] in now.runs
            if running:
                progress(box, context, entry["progress"], "%d %%" % (entry["progress"] * 100))
            if entry["error"]:
                wrapped(box, context, entry["error"], icon="ERROR")
            row = box.row(align=True)
            if running:
                row.operator("worldshare.cancel_submission", icon="X").key = entry["key"]
            else:
                row.operator("worldshare.retry_submission", icon="PLAY").key = entry["key"]
                row.operator("worldshare.discard_submission", icon="TRASH").key = entry["key"]


def details_of(job):
    details = [job["state"], "%s so far" % estimate.duration_text(job["elapsed"])]
    if job["state"] in book.LIVE:
        details.append("%d in work" % job["in_work"])
    else:
        details[1] = "took %s" % estimate.duration_text(job["elapsed"])
    if job["failed"]:
        details.append("%d failed" % job["failed"])
    if job["observed"]:
        details.append("a frame takes %s" % estimate.duration_text(job["observed"]))
    return ", ".join(details)


class JobsPanel:
    bl_label = "Jobs"

    def draw(self, context):
        now = session.get()
        if not now.book.jobs:
            self.layout.label(text="None yet")
        if now.book.complaint:
            wrapped(self.layout, context, now.book.complaint, icon="ERROR")
        for number, job in enumerate(now.book.jobs[:book.SHOWN_JOBS]):
            self.draw_job(context, job, number == 0)
        if len(now.book.jobs) > book.SHOWN_JOBS:
            self.layout.label(text="and %d older ones" % (len(now.book.jobs) - book.SHOWN_JOBS))

    def draw_job(self, context, job, with_pictures):
        box = self.layout.box()
        row = box.row()
        row.label(text=job["title"], icon=STATE_ICONS.get(job["state"], "RENDER_ANIMATION"))
        row.operator("worldshare.forget", text="", icon="X", emboss=False).job = job["id"]
        total = max(1, job["total"])
        progress(box, context, job["accepted"] / total, "%d of %d" % (job["accepted"], job["total"]))
        wrapped(box, context, details_of(job))
        for text in (job["waiting"], job["error"]):
            if text:
                wrapped(box, context, text, icon="INFO")
        if job["files"]:
            self.draw_pictures(box, job, with_pictures)
        self.draw_buttons(box, job)

    @staticmethod
    def draw_pictures(box, job, with_pictures):
        numbers = sorted(job["files"], key=int)[-SHOWN_FRAMES:] if with_pictures else []
        grid = box.grid_flow(row_major=True, columns=3, even_columns=True, align=True)
        for number in numbers:
            column = grid.column(align=True)
            column.template_icon(icon_value=thumbnails.icon(job["files"][number]), scale=4.5)
            show = column.operator("worldshare.show_frame", text="Frame %s" % number)
            show.job, show.frame = job["id"], number
        row = box.row(align=True)
        row.operator("worldshare.open_folder", text="Folder", icon="FILE_FOLDER").job = job["id"]
        row.operator("worldshare.to_sequencer", icon="SEQUENCE").job = job["id"]

    @staticmethod
    def draw_buttons(box, job):
        row = box.row(align=True)
        actions = ["resume" if job["state"] == "paused" else "pause", "priority", "cancel"] if job["state"] in book.LIVE else []
        if job["failed"] and job["state"] != "cancelled":
            actions.append("requeue")
        for action in actions:
            control = row.operator("worldshare.control", text=action.capitalize())
            control.job, control.action = job["id"], action
