import copy
import json
import unittest

from paths import ADDON

from core import facts, routing, rules


def scene(**known):
    return facts.complete(known)


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.rules = rules.load(ADDON / "rules.json", facts.EMPTY)

    def class_of(self, **known):
        return routing.classify(self.rules, scene(**known))[0]["class"]

    def test_classes_follow_what_the_camera_sees(self):
        self.assertEqual(self.class_of(enclosed=1.0, covered=1.0), "indoor")
        self.assertEqual(self.class_of(enclosed=1.0, covered=1.0, open_view=0.3), "hybrid")
        self.assertEqual(self.class_of(enclosed=0.9, covered=0.7), "hybrid")
        self.assertEqual(self.class_of(enclosed=0.1, covered=0.1, open_view=0.5), "outdoor")

    def test_volumes_and_glass_make_it_complex_and_the_reason_names_them(self):
        found, decision = routing.classify(self.rules, scene(volumes=1, glass=2, subsurface=1))
        self.assertEqual(found["class"], "complex")
        self.assertIn("2 glass", decision.reason)

    def test_every_decision_has_a_reason_and_the_artist_overrules_it(self):
        decisions = routing.route(self.rules, scene(frames=10), {"replicas": 3})
        self.assertTrue(all(decision.reason for decision in decisions.values()))
        self.assertEqual(decisions["replicas"].value, 3)
        self.assertIn("the rules say 2", decisions["replicas"].reason)
        with self.assertRaises(KeyError):
            routing.route(self.rules, scene(), {"colour": 1})

    def test_frames_stay_whole_where_the_scene_asks_for_it(self):
        decision = routing.route(self.rules, scene(whole_frames="denoising"))["mode"]
        self.assertEqual(decision.value, "frames")
        self.assertIn("denoising", decision.reason)

    def test_only_short_frames_are_handed_out_together(self):
        of = lambda seconds: routing.route(self.rules, scene(seconds_per_frame=seconds))["max_frames"].value
        self.assertEqual([of(0.0), of(2.0), of(9.9), of(10.0), of(600.0)], [1, 30, 30, 1, 1])

    def test_cost_is_known_when_the_frame_is(self):
        decisions = routing.route(self.rules, scene())
        self.assertIsNone(routing.cost(scene(frames=3), decisions))
        self.assertEqual(routing.cost(scene(frames=3, seconds_per_frame=10.0), decisions), 60)

    def test_mistakes_in_the_file_are_named(self):
        def broken(change):
            data = copy.deepcopy(self.rules)
            change(data)
            with self.assertRaises(rules.RulesError) as caught:
                rules.check(data, facts.EMPTY)
            return str(caught.exception)

        self.assertIn("routing_that_is_unknown", broken(
            lambda data: data["class"].insert(0, {"value": "x", "reason": "y", "when": [["routing_that_is_unknown", ">", 1]]})))
        self.assertIn("operator", broken(
            lambda data: data["class"].insert(0, {"value": "x", "reason": "y", "when": [["frames", "~", 1]]})))
        self.assertIn("no condition", broken(lambda data: data["routing"]["mode"].pop()))
        self.assertIn("reason", broken(lambda data: data["class"][0].pop("reason")))
        self.assertIn("is no fact", broken(lambda data: data["class"][0].update(reason="{nothing}")))

    def test_the_file_is_plain_json(self):
        with open(ADDON / "rules.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["version"], 1)

    def test_unknown_facts_are_refused(self):
        with self.assertRaises(KeyError):
            facts.complete({"colour": 1})


if __name__ == "__main__":
    unittest.main()
