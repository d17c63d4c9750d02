"""Checks cohort entries against schemas/scene-cohort.schema.json: the keywords that it uses, and no others."""

import json
import re
import sys

TYPES = {"object": dict, "string": str, "integer": int, "number": (int, float)}
COMMENTS = {"$schema", "$id", "title", "description"}


def errors(value, schema, place="entry"):
    """Every violation as "place: what"."""
    for keyword, wanted in schema.items():
        if keyword not in COMMENTS and keyword != "properties":
            yield from KEYWORDS[keyword](value, wanted, schema, place)
    for name, inner in schema.get("properties", {}).items():
        if isinstance(value, dict) and name in value:
            yield from errors(value[name], inner, "%s.%s" % (place, name))


def rule(message, holds):
    def check(value, wanted, schema, place):
        if not holds(value, wanted):
            yield "%s: %s %r, is %r" % (place, message, wanted, value)
    return check


def required(value, names, schema, place):
    for name in names:
        if name not in value:
            yield "%s.%s: is missing" % (place, name)


def additional(value, allowed, schema, place):
    for name in value if not allowed else ():
        if name not in schema.get("properties", {}):
            yield "%s.%s: is not known" % (place, name)


KEYWORDS = {
    "type": rule("must be of type", lambda value, wanted: isinstance(value, TYPES[wanted]) and not isinstance(value, bool)),
    "const": rule("must be", lambda value, wanted: value == wanted),
    "enum": rule("must be one of", lambda value, wanted: value in wanted),
    "pattern": rule("must match", lambda value, wanted: re.search(wanted, value) is not None),
    "minLength": rule("must have a length of at least", lambda value, wanted: len(value) >= wanted),
    "minimum": rule("must be at least", lambda value, wanted: value >= wanted),
    "maximum": rule("must be at most", lambda value, wanted: value <= wanted),
    "exclusiveMinimum": rule("must be more than", lambda value, wanted: value > wanted),
    "required": required,
    "additionalProperties": additional,
}


def main(schema_path, *paths):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            found += ["%s: %s" % (path, error) for error in errors(json.load(file), schema)]
    print("\n".join(found) or "%d entries are valid" % len(paths))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
