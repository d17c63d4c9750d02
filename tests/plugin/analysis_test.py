"""The analysis inside Blender: counts, classes, problems and their fixes, and how long a step blocks."""

import os
import time
import unittest

import addon_case
import bpy
from addon_case import analyse, session, small_scene

addon_case.install()


def codes(found):
    return {entry["code"]: entry["fatal"] for entry in found.problems}


def box(size, location, name="box"):
    bpy.ops.mesh.primitive_cube_add(size=1, location=location)
    thing = bpy.context.object
    thing.name, thing.scale = name, size
    return thing


def look(location, target):
    camera = bpy.context.scene.camera
    camera.location = location
    from mathutils import Vector
    camera.rotation_euler = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y").to_euler()


def room(window=False, roof=True):
    """Walls 6 x 6 x 3 metres around the origin, the camera inside."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    box((6, 6, 0.1), (0, 0, 0), "floor")
    for x, y, sx, sy in ((-3, 0, 0.1, 6), (3, 0, 0.1, 6), (0, -3, 6, 0.1)):
        box((sx, sy, 3), (x, y, 1.5), "wall")
    if not window:
        box((6, 0.1, 3), (0, 3, 1.5), "wall")
    if roof:
        box((6, 6, 0.1), (0, 0, 3), "roof")
    box((1, 1, 1), (0, 1, 0.5), "table")
    look((0, -2.5, 1.6), (0, 2, 1.2))



def set_weight(material, name, value):
    """From Blender 4.0 on these sockets are called weights."""
    inputs = material.node_tree.nodes["Principled BSDF"].inputs
    (inputs.get(name + " Weight") or inputs[name]).default_value = value


class CountTest(unittest.TestCase):
    def test_modifiers_instances_and_render_levels_count(self):
        small_scene()
        cube = bpy.data.objects["Cube"]
        cube.modifiers.new("array", "ARRAY").count = 3
        subdivision = cube.modifiers.new("subdivision", "SUBSURF")
        subdivision.levels, subdivision.render_levels = 1, 2
        for i in range(4):
            copy = bpy.data.objects.new("copy%d" % i, cube.data)
            bpy.context.scene.collection.objects.link(copy)
        facts = analyse().facts
        self.assertEqual(facts["triangles"], 3 * 6 * 4 * 2 + 4 * 12)
        self.assertEqual(facts["unique_triangles"], 3 * 6 * 4 * 2 + 12)
        self.assertGreater(facts["render_triangles"], facts["unique_triangles"])
        self.assertEqual((facts["frames"], facts["samples"], facts["width"]), (2, 4, 64))
        self.assertEqual(facts["light_types"], ["POINT"])

    def test_what_objects_make_of_others_counts_and_what_is_not_rendered_does_not(self):
        scene = small_scene()
        kind = bpy.data.collections.new("kind")
        for name in ("a", "b"):
            kind.objects.link(bpy.data.objects.new(name, bpy.data.objects["Cube"].data))
        for i in range(30):
            holder = bpy.data.objects.new("holder", None)
            holder.instance_type, holder.instance_collection = "COLLECTION", kind
            scene.collection.objects.link(holder)
        bpy.ops.mesh.primitive_plane_add()
        settings = bpy.context.object.modifiers.new("p", "PARTICLE_SYSTEM").particle_system.settings
        settings.type, settings.count, settings.render_type = "HAIR", 50, "OBJECT"
        settings.instance_object = bpy.data.objects["Cube"]
        bpy.context.view_layer.update()
        drawn = sum(1 for _ in bpy.context.evaluated_depsgraph_get().object_instances)
        self.assertGreater(drawn, 30 * 2 + 50)
        facts = analyse().facts
        self.assertEqual(facts["instances"], drawn)
        self.assertEqual(facts["triangles"], 12 + 30 * 2 * 12 + 50 * 12 + 2)
        self.assertTrue(facts["instances_counted"])
        bpy.data.objects["Cube"].hide_render = True
        self.assertEqual(analyse().facts["instances"], drawn - 1)

    def test_an_object_in_two_collections_counts_once(self):
        scene = small_scene()
        before = analyse().facts
        other = bpy.data.collections.new("other")
        scene.collection.children.link(other)
        other.objects.link(bpy.data.objects["Cube"])
        after = analyse().facts
        self.assertEqual((after["objects"], after["instances"]), (before["objects"], before["instances"]))

    def test_the_objects_of_many_collections_are_all_read(self):
        scene = small_scene()
        before = analyse().facts["objects"]
        for count in (0, 1, 149, 150, 151, 299, 300, 301):
            deeper = bpy.data.collections.new("deeper")
            scene.collection.children[-1].children.link(deeper)
            for _ in range(count):
                deeper.objects.link(bpy.data.objects.new("thing", bpy.data.objects["Cube"].data))
        self.assertEqual(analyse().facts["objects"], before + 1351)

    def test_looks_and_textures(self):
        small_scene()
        material = bpy.data.materials["Material"]
        set_weight(material, "Transmission", 1.0)
        set_weight(material, "Subsurface", 0.2)
        image = bpy.data.images.new("texture", 128, 64, float_buffer=True)
        material.node_tree.nodes.new("ShaderNodeTexImage").image = image
        facts = analyse().facts
        self.assertEqual((facts["glass"], facts["subsurface"]), (1, 1))
        self.assertEqual((facts["textures"], facts["texture_bytes"]), (1, 128 * 64 * 16))

    def test_a_scene_without_a_camera_is_read_too(self):
        scene = small_scene()
        scene.camera = None
        self.assertIn("no_camera", codes(analyse()))


class ClassTest(unittest.TestCase):
    def assert_class(self, wanted):
        found = analyse()
        seen = {name: found.facts[name] for name in ("open_view", "enclosed", "covered", "complexity")}
        self.assertEqual(found.facts["class"], wanted, seen)
        self.assertTrue(found.decision.reason)

    def test_a_closed_room_is_indoor(self):
        small_scene()
        room()
        self.assert_class("indoor")

    def test_a_room_with_an_open_wall_is_hybrid(self):
        small_scene()
        room(window=True)
        bpy.ops.mesh.primitive_plane_add(size=200, location=(0, 0, -0.2))
        self.assert_class("hybrid")

    def test_a_window_of_glass_is_open(self):
        small_scene()
        room(window=True)
        bpy.ops.mesh.primitive_plane_add(size=200, location=(0, 0, -0.2))
        pane = box((6, 0.05, 3), (0, 3, 1.5), "pane")
        glass = bpy.data.materials.new("glass")
        glass.use_nodes = True
        set_weight(glass, "Transmission", 1.0)
        pane.data.materials.append(glass)
        self.assert_class("hybrid")

    def test_a_field_is_outdoor(self):
        small_scene()
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=300, y_subdivisions=300, size=200)
        look((0, -20, 2), (0, 0, 1))
        self.assert_class("outdoor")

    def test_a_painted_sky_is_no_ceiling(self):
        small_scene()
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=50, y_subdivisions=50, size=200)
        bpy.ops.mesh.primitive_uv_sphere_add(radius=90)
        ball, look_of_it = bpy.context.object, bpy.data.materials.new("sky")
        ball.data.materials.append(look_of_it)
        look((0, -20, 2), (0, 0, 1))
        self.assert_class("indoor")
        look_of_it.use_nodes = True
        nodes = look_of_it.node_tree.nodes
        nodes.remove(nodes["Principled BSDF"])
        look_of_it.node_tree.links.new(nodes.new("ShaderNodeEmission").outputs[0], nodes["Material Output"].inputs["Surface"])
        self.assert_class("outdoor")

    def test_many_lights_and_half_transparent_things_are_complex(self):
        scene = small_scene()
        material = bpy.data.materials["Material"]
        material.node_tree.nodes["Principled BSDF"].inputs["Alpha"].default_value = 0.4
        set_weight(material, "Subsurface", 0.2)
        lamp = bpy.data.objects["Light"].data
        for i in range(16):
            scene.collection.objects.link(bpy.data.objects.new("lamp", lamp))
        found = analyse()
        self.assertEqual((found.facts["lights"], found.facts["glass"]), (17, 1))
        self.assertEqual((found.facts["complexity"], found.facts["class"]), (4, "complex"))

    def test_a_room_of_many_polygons_is_indoor_still(self):
        small_scene()
        room()
        for thing in bpy.context.scene.objects:
            if thing.type == "MESH":
                modifier = thing.modifiers.new("fine", "SUBSURF")
                modifier.subdivision_type, modifier.levels = "SIMPLE", 6
        found = analyse()
        self.assertGreater(found.facts["triangles"], 300_000)
        self.assertEqual(found.facts["class"], "indoor")

    def test_the_artist_can_overrule_everything(self):
        scene = small_scene()
        analyse()
        own = scene.worldshare
        own.own_replicas, own.replicas, own.own_class, own.scene_class = True, 3, True, "complex"
        own.own_frames, own.first, own.last, own.step = True, 10, 20, 5
        decisions, facts = session().decisions(scene)
        self.assertEqual((decisions["replicas"].value, facts["class"], facts["frames"]), (3, "complex", 3))
        self.assertIn("your choice", decisions["replicas"].reason)


class ProblemTest(unittest.TestCase):
    def test_a_fix_solves_its_problem(self):
        scene = small_scene()
        scene.render.image_settings.file_format = "FFMPEG"
        scene.render.use_stamp = scene.render.use_multiview = True
        scene.cycles.time_limit = 5
        scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = True
        scene.camera = None
        before = codes(analyse())
        wanted = {"movie_format", "stamp", "multiview", "time_limit", "denoiser", "adaptive", "no_camera"}
        self.assertLessEqual(wanted, set(before))
        for code in wanted:
            self.assertEqual(bpy.ops.worldshare.fix(code=code), {"FINISHED"}, code)
            self.assertNotIn(code, codes(session().analysis))

    def test_missing_textures_stop_and_outside_ones_are_packed(self):
        small_scene()
        tree = bpy.data.materials["Material"].node_tree
        here = bpy.data.images.new("here", 4, 4)
        here.filepath_raw, here.file_format = os.path.join(addon_case.FOLDER, "here.png"), "PNG"
        here.save()
        here.source = "FILE"
        gone = bpy.data.images.new("gone", 4, 4)
        gone.source, gone.filepath = "FILE", "/nowhere/gone.png"
        for image in (here, gone):
            tree.nodes.new("ShaderNodeTexImage").image = image
        found = codes(analyse())
        self.assertIs(found["missing_texture"], True)
        self.assertIs(found["external_file"], False)

    def test_missing_textures_are_looked_for_beside_the_file(self):
        small_scene()
        folder = os.path.join(addon_case.FOLDER, "project")
        os.makedirs(os.path.join(folder, "textures"))
        here = bpy.data.images.new("here", 4, 4)
        here.filepath_raw, here.file_format = os.path.join(folder, "textures", "lost.png"), "PNG"
        here.save()
        here.source, here.filepath = "FILE", "/nowhere/lost.png"
        bpy.data.materials["Material"].node_tree.nodes.new("ShaderNodeTexImage").image = here
        with self.assertRaisesRegex(RuntimeError, "save it first"):
            bpy.ops.worldshare.fix(code="missing_texture")
        bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "scene.blend"))
        self.assertIn("missing_texture", codes(analyse()))
        bpy.ops.worldshare.fix(code="missing_texture")
        self.assertNotIn("missing_texture", codes(session().analysis))

    def test_file_outputs_can_be_muted(self):
        scene = small_scene()
        scene.use_nodes = True
        scene.node_tree.nodes.new("CompositorNodeOutputFile")
        self.assertIs(codes(analyse())["file_output_node"], False)
        bpy.ops.worldshare.fix(code="file_output_node")
        self.assertNotIn("file_output_node", codes(session().analysis))

    def test_unsaved_paint_and_unbaked_cloth_and_scripted_drivers_are_found(self):
        small_scene()
        cube = bpy.data.objects["Cube"]
        cube.modifiers.new("cloth", "CLOTH")
        driver = cube.driver_add("location", 0).driver
        driver.expression = "__import__('os').getpid()"
        painted = bpy.data.images.new("painted", 4, 4)
        painted.pixels[0] = 0.5
        painted.update()
        bpy.data.materials["Material"].node_tree.nodes.new("ShaderNodeTexImage").image = painted
        bpy.context.view_layer.update()
        found = codes(analyse())
        self.assertIn("unbaked_simulation", found)
        self.assertIn("unsaved_image", found)
        bpy.ops.worldshare.fix(code="unsaved_image")
        self.assertNotIn("unsaved_image", codes(session().analysis))


class DrawingTest(unittest.TestCase):
    def test_panels_are_drawn_again_when_what_they_show_has_changed(self):
        from worldshare.rim import redrawing
        asked, redraw, pause = [], redrawing.redraw, redrawing.SECONDS
        redrawing.redraw, redrawing.SECONDS = lambda: asked.append(1), 0.0
        try:
            now, painter = session(), redrawing.Painter()
            painter.turn(now, True)
            self.assertEqual(len(asked), 1)
            painter.turn(now, True)  # news that nobody sees
            self.assertEqual(len(asked), 1)
            now.note("something to see")
            painter.turn(now, False)  # nobody said so
            self.assertEqual(len(asked), 1)
            painter.turn(now, True)
            self.assertEqual(len(asked), 2)
            redrawing.SECONDS = 60.0
            now.note("too early")
            painter.turn(now, True)
            self.assertEqual(len(asked), 2)
            redrawing.SECONDS = 0.0
            painter.turn(now, False)  # not forgotten
            self.assertEqual(len(asked), 3)
        finally:
            redrawing.redraw, redrawing.SECONDS = redraw, pause
            session().notices = []


class SizeTest(unittest.TestCase):
    def test_a_million_polygons_and_ten_thousand_objects_are_read_in_short_steps(self):
        scene = small_scene()
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=1000, y_subdivisions=1000, size=100)
        mesh = bpy.data.objects["Cube"].data
        for i in range(10_000):
            thing = bpy.data.objects.new("thing", mesh)
            thing.location = (i % 100 - 50, i // 100 - 50, 1)
            scene.collection.objects.link(thing)
        bpy.context.view_layer.update()
        found, steps = session().analyse(scene), []
        while found.running:  # CPU time of this thread: the same on a busy machine
            begin = time.thread_time()
            found.step(0.0)
            steps.append(time.thread_time() - begin)
        print("analysis of 10,000 objects and 1,000,000 polygons: %.0f ms of CPU in %d steps of %.1f ms at most" % (
            sum(steps) * 1000, len(steps), max(steps) * 1000))
        self.assertEqual(found.facts["instances"], 10_004)
        self.assertGreater(len(steps), 50)
        self.assertLess(sum(steps), 2.0)  # the goal is 1 s; docs/benchmarks.md has the figures
        self.assertLess(max(steps), 0.05)

    def test_another_file_ends_a_reading(self):
        small_scene()
        analysis = session().analyse(bpy.context.scene)
        analysis.step(0.0)
        self.assertTrue(analysis.running)
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        self.assertFalse(analysis.running)
        self.assertIsNone(session().analysis)

    def test_objects_removed_meanwhile_do_no_harm(self):
        scene = small_scene()
        for i in range(2000):
            scene.collection.objects.link(bpy.data.objects.new("empty", bpy.data.objects["Cube"].data))
        analysis = session().analyse(scene)
        while not analysis.step(0.0):
            if len(scene.objects) > 5:
                for thing in list(scene.objects)[-100:]:
                    bpy.data.objects.remove(thing)
        self.assertTrue(analysis.facts or analysis.error)


addon_case.run()
