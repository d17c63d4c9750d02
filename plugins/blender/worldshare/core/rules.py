"""Decisions from a data file: conditions over facts, a value, and the reason for people.

A rule holds when all conditions in its "when" hold; of several rules for one thing the first that holds decides.
"""

import json
import operator

OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, choices: value in choices,
    "has": lambda value, item: item in value,
}


class RulesError(ValueError):
    """The message names the place in the file."""


class Decision:
    """What was decided about `name`, and why."""

    def __init__(self, name, value, reason):
        self.name, self.value, self.reason = name, value, reason

    def __repr__(self):
        return "Decision(%s=%r: %s)" % (self.name, self.value, self.reason)


def holds(rule, facts):
    return all(OPERATORS[sign](facts[name], value) for name, sign, value in rule.get("when", ()))


def explain(rule, facts):
    return rule["reason"].format(**facts)


def score(table, facts):
    """(points, reasons) of a table of rules with points."""
    matching = [rule for rule in table if holds(rule, facts)]
    return sum(rule["points"] for rule in matching), [explain(rule, facts) for rule in matching]


def decide(name, rules, facts):
    for rule in rules:
        if holds(rule, facts):
            return Decision(name, rule["value"], explain(rule, facts))
    raise RulesError("%s: no rule holds; the last rule must have no condition" % name)


def check_rule(place, rule, known, needs):
    for key in (needs, "reason"):
        if key not in rule:
            raise RulesError("%s: '%s' is missing" % (place, key))
    for condition in rule.get("when", ()):
        if not isinstance(condition, list) or len(condition) != 3:
            raise RulesError("%s: a condition is [fact, operator, value], not %r" % (place, condition))
        if condition[0] not in known:
            raise RulesError("%s: there is no fact '%s'" % (place, condition[0]))
        if condition[1] not in OPERATORS:
            raise RulesError("%s: the operator '%s' is none of %s" % (place, condition[1], " ".join(OPERATORS)))
    try:
        explain(rule, known)
    except (KeyError, IndexError, ValueError) as error:
        raise RulesError("%s: reason: %s is no fact" % (place, error)) from error


def check(rules, known):
    """`known`: a full set of facts, for their names and types."""
    for number, rule in enumerate(rules["complexity"]):
        check_rule("complexity[%d]" % number, rule, known, "points")
    for name, group in [("class", rules["class"]), *rules["routing"].items()]:
        for number, rule in enumerate(group):
            check_rule("%s[%d]" % (name, number), rule, known, "value")
        if not group or group[-1].get("when"):
            raise RulesError("%s: the last rule must have no condition" % name)


def load(path, known):
    with open(path, encoding="utf-8") as file:
        rules = json.load(file)
    check(rules, known)
    return rules
