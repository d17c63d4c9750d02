"""The add-on against a real farm: submitted, followed, fetched, cancelled; and with a server that is not there."""

import glob
import json
import os
import socket
import subprocess
import threading
import unittest

import addon_case
import bpy
from addon_case import SERVER, TOKEN, session, small_scene, until

addon_case.install()

from worldshare.core import client as api  # noqa: E402


def saved(name):
    path = os.path.join(addon_case.FOLDER, name)
    bpy.ops.wm.save_as_mainfile(filepath=path)
    return path


def outbox():
    return glob.glob(os.path.join(session().folder, "outbox", "*"))


def use_server(address):
    bpy.context.preferences.addons["worldshare"].preferences.server = address


class SubmitTest(unittest.TestCase):
    def setUp(self):
        use_server(SERVER)

    def tearDown(self):
        for entry in list(session().book.submissions):
            session().cancel(entry["key"])
        until(lambda: not session().runs, "the end of all submissions")
        for entry in list(session().book.submissions):
            session().discard(entry["key"])

    def submitted(self):
        before = {job["id"] for job in session().book.jobs}
        self.assertEqual(bpy.ops.worldshare.submit(), {"FINISHED"})
        until(lambda: session().book.jobs and session().book.jobs[0]["id"] not in before, "the job")
        return session().book.jobs[0]

    def test_a_job_comes_back_as_verified_frames(self):
        scene = small_scene(frames=2)
        texture = bpy.data.images.new("outside", 8, 8)
        texture.filepath_raw, texture.file_format = os.path.join(addon_case.FOLDER, "outside.png"), "PNG"
        texture.save()
        texture.source = "FILE"
        material = bpy.data.materials["Material"]
        material.node_tree.nodes.new("ShaderNodeTexImage").image = texture
        path = saved("cube.blend")
        scene.frame_end = 2
        job = self.submitted()
        self.assertEqual(bpy.data.filepath, path)
        self.assertIsNone(texture.packed_file, "the artist's file was packed")
        until(lambda: job["fetched"], "the verified frames", 90)
        self.assertEqual((job["state"], job["accepted"]), ("completed", 2))
        for frame in ("1", "2"):
            image = bpy.data.images.load(job["files"][frame])
            self.assertEqual(tuple(image.size), (64, 36))
        self.assertEqual(bpy.ops.worldshare.to_sequencer(job=job["id"]), {"FINISHED"})
        self.assertEqual(len(bpy.context.scene.sequence_editor.sequences_all[0].elements), 2)
        until(lambda: not outbox(), "the packed copy's end")
        self.assertGreater(job["observed"], 0)

    def test_the_frames_are_those_of_a_local_render(self):
        small_scene(frames=1)
        saved("same.blend")
        job = self.submitted()
        until(lambda: job["fetched"], "the frame", 90)
        bpy.context.scene.render.filepath = os.path.join(addon_case.FOLDER, "local.png")
        bpy.context.scene.render.threads_mode = "AUTO"
        bpy.ops.render.render(write_still=True)
        farm, local = bpy.data.images.load(job["files"]["1"]), bpy.data.images.load(bpy.context.scene.render.filepath)
        self.assertEqual(list(farm.pixels), list(local.pixels))

    def test_a_job_survives_another_file_and_undo(self):
        small_scene(frames=1)
        saved("before.blend")
        bpy.ops.worldshare.submit()
        bpy.ops.ed.undo_push(message="x")
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        job_count = len(session().book.jobs)
        until(lambda: len(session().book.jobs) > job_count, "the job")
        until(lambda: session().book.jobs[0]["fetched"], "its frame", 90)

    def test_a_job_is_paused_given_priority_resumed_and_cancelled(self):
        small_scene(frames=400, samples=64)
        job = self.submitted()
        until(lambda: job["state"] in ("queued", "active") and job["total"] == 400, "the job's state")
        bpy.ops.worldshare.control(job=job["id"], action="pause")
        until(lambda: job["state"] == "paused", "the pause")
        bpy.ops.worldshare.control(job=job["id"], action="priority", priority=77)
        until(lambda: self.server_priority(job) == 77, "the priority")
        bpy.ops.worldshare.control(job=job["id"], action="resume")
        until(lambda: job["state"] in ("queued", "active"), "the resumption")
        bpy.ops.worldshare.control(job=job["id"], action="cancel")
        until(lambda: job["state"] == "cancelled", "the end")

    def server_priority(self, job):
        listed = api.Client(SERVER, TOKEN).call("GET", "/v1/jobs")["jobs"]
        return next(line.get("priority", 0) for line in listed if line["id"] == job["id"])

    def test_a_server_that_is_not_there_is_waited_for_and_can_be_given_up(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use_server("http://127.0.0.1:%d" % unused.getsockname()[1])
            small_scene(frames=1)
            bpy.ops.worldshare.submit()
            entry = session().book.submissions[-1]
            until(lambda: "trying again" in entry["text"], "the pause")
            session().cancel(entry["key"])
            until(lambda: not session().book.submissions, "the end")
        until(lambda: not outbox(), "the copy's end")

    def test_a_server_that_never_answers_does_not_hold_blender(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            use_server("http://127.0.0.1:%d" % silent.getsockname()[1])
            small_scene(frames=1)
            bpy.ops.worldshare.submit()
            entry = session().book.submissions[-1]
            until(lambda: entry["stage"] == "uploading", "the upload")
            self.assertTrue(any(run.is_alive() for run in session().runs.values()))
            session().cancel(entry["key"])
        until(lambda: not session().runs, "the end", 40)

    def test_a_wrong_token_is_told_with_its_remedy_and_going_on_works(self):
        preferences = bpy.context.preferences.addons["worldshare"].preferences
        preferences.token = "wrong"
        small_scene(frames=1)
        bpy.ops.worldshare.submit()
        entry = session().book.submissions[-1]
        until(lambda: entry["state"] == "failed", "the refusal")
        self.assertIn("API token", entry["error"])
        preferences.token = TOKEN
        before = len(session().book.jobs)
        self.assertEqual(bpy.ops.worldshare.retry_submission(key=entry["key"]), {"FINISHED"})
        until(lambda: len(session().book.jobs) > before, "the job")

    def test_an_interrupted_submission_goes_on_after_a_restart(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use_server("http://127.0.0.1:%d" % unused.getsockname()[1])
            small_scene(frames=1)
            bpy.ops.worldshare.submit()
            key = session().book.submissions[-1]["key"]
            until(lambda: "trying again" in session().book.submission(key)["text"], "the pause")
            with open(os.path.join(session().folder, "jobs.json"), encoding="utf-8") as file:
                stored = json.load(file)
            self.assertTrue(stored["submissions"][-1]["sha256"])
        addon_case.disable()
        addon_case.enable()
        entry = session().book.submission(key)
        self.assertEqual(entry["state"], "interrupted")
        entry["server"] = SERVER
        before = len(session().book.jobs)
        bpy.ops.worldshare.retry_submission(key=key)
        until(lambda: len(session().book.jobs) > before, "the job")

    @unittest.skipUnless("WORLDSHARE_TEST_BINARIES" in os.environ, "another release's Blender cannot run the programs")
    def test_the_packed_copy_is_described_as_the_cli_describes_it(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use_server("http://127.0.0.1:%d" % unused.getsockname()[1])
            small_scene(frames=3)
            bpy.ops.worldshare.submit()
            entry = session().book.submissions[-1]
            until(lambda: "trying again" in entry["text"], "the pause")
            agent = os.path.join(os.environ["WORLDSHARE_TEST_BINARIES"], "worldshare-agent")
            told = subprocess.run([agent, "--analyse", entry["packed"], "--blender", bpy.app.binary_path],
                                  stdout=subprocess.PIPE, check=True).stdout
        cli = json.loads(told.splitlines()[-1])
        for of_the_file in ("compression", "size_bytes"):
            cli.pop(of_the_file)
        self.assertEqual(entry["description"], cli)

    def test_without_online_access_nothing_is_sent_and_the_scene_is_read_all_the_same(self):
        from worldshare.rim import settings
        online, settings.online = settings.online, lambda: False
        try:
            small_scene(frames=1)
            with self.assertRaisesRegex(RuntimeError, "Online access is off"):
                bpy.ops.worldshare.submit()
            self.assertEqual(session().book.submissions, [])
            self.assertTrue(addon_case.analyse().facts)
            session().refresh_address()
            self.assertIsNone(session().client_of(SERVER))
        finally:
            settings.online = online

    def test_many_threads_stop_with_the_addon(self):
        session().follow()
        addon_case.disable()
        self.assertEqual([thread.name for thread in threading.enumerate() if thread.name.startswith("worldshare")], [])
        addon_case.enable()


addon_case.run()
