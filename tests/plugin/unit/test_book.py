import os
import tempfile
import threading
import unittest

import paths  # noqa: F401

from core import book, follow, sight


class BookTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "sub/jobs.json")

    def tearDown(self):
        self.folder.cleanup()

    def job(self, name="j1"):
        return book.new_job(name, "knot", "http://a", self.folder.name, {"first": 1, "last": 3, "step": 1}, "png")

    def test_jobs_are_there_again_after_a_restart(self):
        first = book.Book(self.path)
        first.add_job(self.job())
        self.assertTrue(first.note("j1", {"accepted": 2}))
        self.assertFalse(first.note("j1", {"accepted": 2}))
        self.assertEqual(book.Book(self.path).job("j1")["accepted"], 2)

    def test_a_damaged_file_is_set_aside_and_told(self):
        os.makedirs(os.path.dirname(self.path))
        with open(self.path, "w", encoding="utf-8") as file:
            file.write('{"jobs": [')
        found = book.Book(self.path)
        self.assertIn("set aside", found.complaint)
        self.assertTrue(os.path.exists(self.path + ".damaged"))
        found.add_job(self.job())
        self.assertEqual(len(book.Book(self.path).jobs), 1)

    def test_a_job_is_followed_until_all_is_fetched(self):
        found = book.Book(self.path)
        found.add_job(self.job())
        found.note("j1", {"state": "completed"})
        self.assertEqual(len(found.live()), 1)
        found.note("j1", {"fetched": True})
        self.assertEqual(found.live(), [])


class FakeFarm:
    """Two accepted frames of three."""

    def __init__(self):
        self.state, self.downloads = "active", []

    def job(self, job):
        return {"state": self.state, "frames": 3, "frames_accepted": 2}

    def units(self, job):
        return [{"frame": 1, "state": "accepted"}, {"frame": 2, "state": "open"}, {"frame": 3, "state": "accepted"}]

    def frame(self, job, frame):
        return {"state": "accepted", "artifact": "a%d" % frame, "size_bytes": 3,
                "replicas": [{"state": "agreed", "render_seconds": 4.0}, {"state": "rejected", "render_seconds": 9.0}]}

    def download(self, sha256, size, path, cancelled):
        self.downloads.append(sha256)


class FollowTest(unittest.TestCase):
    def follow_until(self, farm, condition):
        news, done = [], threading.Event()

        def emit(entry):
            news.append(entry["news"])
            if condition(entry["news"]):
                done.set()

        with tempfile.TemporaryDirectory() as folder:
            job = book.new_job("j1", "knot", "http://a", os.path.join(folder, "frames"), {"first": 1, "last": 3, "step": 1}, "png")
            follower = follow.Follower(lambda server: farm, emit)
            follower.start()
            follower.watch([job], True)
            self.assertTrue(done.wait(10), news)
            follower.close()
            follower.join(5)
            self.assertFalse(follower.is_alive())
        return news

    def test_accepted_frames_are_fetched_once_and_their_time_is_that_of_agreed_replicas(self):
        farm = FakeFarm()
        news = self.follow_until(farm, lambda entry: len(entry.get("files", ())) == 2)
        self.assertEqual(farm.downloads, ["a1", "a3"])
        self.assertEqual([entry["observed"] for entry in news if "observed" in entry], [4.0, 4.0])

    def test_a_cancelled_job_keeps_what_was_accepted_and_ends(self):
        farm = FakeFarm()
        farm.state = "cancelled"
        news = self.follow_until(farm, lambda entry: entry.get("fetched"))
        self.assertEqual(farm.downloads, ["a1", "a3"])
        self.assertEqual(news[-1], {"fetched": True})


class SightTest(unittest.TestCase):
    def look(self, cast):
        steps = sight.look((0, 0, 1), [(0, 1, 0.1 * i) for i in range(-3, 4)], cast)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    def test_nothing_around_is_open(self):
        self.assertEqual(self.look(lambda origin, direction: None), {"open_view": 1.0, "enclosed": 0.0, "covered": 0.0})

    def test_everything_around_is_closed(self):
        self.assertEqual(self.look(lambda origin, direction: (0, 5, 1)), {"open_view": 0.0, "enclosed": 1.0, "covered": 1.0})

    def test_samples_are_spread_and_close_up(self):
        self.assertEqual(sight.picked(100, 4), [12, 37, 62, 87])
        self.assertEqual(sight.picked(100, 4, 1, 3), [37, 62])
        self.assertEqual(sight.picked(100, 4, 3, 300), [87])
        self.assertEqual(sight.picked(3, 3), [0, 1, 2])
        self.assertEqual(sight.grown([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0)], 1.0)[0], (0, 0, 0))
        wide = sight.grown([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0)], 2.0)
        self.assertEqual(wide[0], (-2.0, -2.0, 0.0))

    def test_big_and_near_meshes_get_more_of_the_budget(self):
        self.assertEqual(sight.shares([(1000, 9.0), (1000, 1.0), (3, 1.0)], 100), [81, 9, 3])

    def test_the_hemisphere_is_above(self):
        self.assertTrue(all(direction[2] > 0 for direction in sight.hemisphere()))


if __name__ == "__main__":
    unittest.main()
