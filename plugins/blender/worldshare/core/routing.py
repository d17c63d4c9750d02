"""Class and route of a scene, by the rules, with the artist's own choices over them."""

from . import facts as fact_names
from . import rules as rule_book

CLASSES = ("indoor", "outdoor", "complex", "hybrid")


def classify(rules, facts):
    """The facts with complexity and class, and the decision."""
    points, reasons = rule_book.score(rules["complexity"], facts)
    facts = {**facts, "complexity": points, "complexity_reasons": ", ".join(reasons) or "nothing remarkable"}
    decision = rule_book.decide("class", rules["class"], facts)
    facts["class"] = decision.value
    facts["memory_bytes"] = fact_names.memory_bytes(facts)
    return facts, decision


def route(rules, facts, overrides=None):
    """Decisions by name. `overrides`: name → value, what the artist chose instead."""
    decisions = {name: rule_book.decide(name, group, facts) for name, group in rules["routing"].items()}
    for name, value in (overrides or {}).items():
        if name not in decisions:
            raise KeyError("there is no decision '%s' to override" % name)
        ruled = decisions[name]
        decisions[name] = rule_book.Decision(name, value, "your choice; the rules say %s" % ruled.value)
    return decisions


def render_class(facts, version):
    device = "cpu"
    return "blender-%s_%s-%s" % (version[0], version[1], device)


def cost(facts, decisions):
    """Render seconds that the job costs the network; None when a frame's time is not known."""
    if facts["seconds_per_frame"] <= 0:
        return None
    return facts["seconds_per_frame"] * facts["frames"] * decisions["replicas"].value
