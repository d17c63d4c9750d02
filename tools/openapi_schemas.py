#!/usr/bin/env python3
"""Writes components.schemas of schemas/openapi.yaml from the FlatBuffers schemas, which are the model; --check only compares.

Tables become objects, enums become strings, and the comment behind a field becomes its description.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "schemas/openapi.yaml"
BEGIN = "    # Written by tools/openapi_schemas.py from schemas/*.fbs; do not edit below.\n"
SOURCES = ["api.fbs", "event.fbs", "manifest.fbs"]
SCALARS = {
    "bool": {"type": "boolean"},
    "ubyte": {"type": "integer", "minimum": 0, "maximum": 255},
    "ushort": {"type": "integer", "minimum": 0, "maximum": 65535},
    "uint": {"type": "integer", "format": "int64", "minimum": 0},
    "ulong": {"type": "integer", "format": "int64", "minimum": 0},
    "int": {"type": "integer", "format": "int32"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
}
# What a client sends; a scalar may be left out there, and is never left out of an answer.
REQUESTS = {"JobControl", "NodeControl", "Manifest", "SceneRef", "FrameRange", "Output", "Requirements", "Policy",
            "Estimate", "Sharding", "Schedule", "Overrule", "OwnerControl", "EnrolmentOrder", "ChallengeRequest",
            "EnrolmentRequest", "CredentialRequest", "TokenOrder", "SignIn", "VerificationRequest", "TenantOrder"}
NEEDED = {"Manifest": ["scene", "frames", "output"], "SceneRef": ["sha256", "size_bytes", "name"],
          "FrameRange": ["first", "last"], "JobControl": ["action"], "NodeControl": ["action"],
          "Overrule": ["action", "operator", "reason"], "VerificationRequest": ["artifacts"], "TenantOrder": ["tenant"], "TokenOrder": ["name", "role"], "EnrolmentOrder": ["owner"], "ChallengeRequest": ["agent"],
          "EnrolmentRequest": ["agent", "token", "nonce", "signature"], "CredentialRequest": ["agent", "nonce", "signature"],
          "Output": ["width", "height"], "Problem": ["type", "title", "status", "detail"]}


def parse(text):
    """(tables, enums): {name: (description, [(field, type, default, comment)])}, {name: (description, [values])}"""
    tables, enums = {}, {}
    for match in re.finditer(r"((?:^///[^\n]*\n)*)^(?:(table) (\w+)[^{\n]*\{(.*?)\n\}|(enum) (\w+)[^{\n]*\{(.*?)\})", text, re.M | re.S):
        doc, kind, name, body = [match[1], *(match[i] or match[i + 3] for i in (2, 3, 4))]
        words = " ".join(line.strip("/ ") for line in doc.splitlines())
        first = re.match(r"[ \t]*//[ \t]*([^\n]*)\n", body)
        if first:
            words = first.group(1)
            body = body[first.end():]
        if kind == "enum":
            body = re.sub(r"//[^\n]*", "", body)
            enums[name] = (words, [value.strip() for value in body.split(",") if value.strip()])
            continue
        fields = re.findall(r"^\s*(\w+):\s*([\w\[\]]+)\s*(?:=\s*([\w.]+))?;[ \t]*(?://[ \t]*([^\n]*))?", body, re.M)
        tables[name] = (words, [(field, of, default or None, comment) for field, of, default, comment in fields])
    return tables, enums


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def type_lines(kind, enums, indent):
    pad = " " * indent
    if kind.startswith("["):
        return [f"{pad}type: array", f"{pad}items:"] + type_lines(kind[1:-1], enums, indent + 2)
    if kind in SCALARS:
        return [f"{pad}{key}: {value}" for key, value in SCALARS[kind].items()]
    return [f"{pad}$ref: '#/components/schemas/{kind}'"]


def field_lines(field, enums):
    name, kind, default, comment = field
    lines = [f"        {name}:"]
    body = type_lines(kind, enums, 10)
    if kind not in SCALARS and not kind.startswith("["):  # a $ref stands alone
        body = ["          allOf:", "            -" + body[0].strip().join([" ", ""])]
    lines += body
    if comment:
        lines.append(f"          description: {quoted(comment)}")
    if default == "null" and kind in SCALARS:
        lines.append("          nullable: true")
    elif default is not None and default != "null":
        lines.append(f"          default: {default}")
    return lines


def schema_lines(name, table, enums):
    words, fields = table
    lines = [f"    {name}:", "      type: object"]
    if words:
        lines.append(f"      description: {quoted(words)}")
    lines.append("      additionalProperties: false")
    always = NEEDED.get(name)
    if always is None and name not in REQUESTS:
        always = [f for f, kind, default, _ in fields
                  if (kind in SCALARS and kind != "string" or kind in enums) and default != "null"]
    if always:
        lines.append("      required: [" + ", ".join(always) + "]")
    lines.append("      properties:")
    for field in fields:
        lines += field_lines(field, enums)
    return lines


def generated():
    tables, enums = {}, {}
    for source in SOURCES:
        more_tables, more_enums = parse((ROOT / "schemas" / source).read_text())
        tables.update(more_tables)
        enums.update(more_enums)
    lines = []
    for name in sorted(tables | enums):
        if name in tables:
            lines += schema_lines(name, tables[name], enums)
            continue
        words, values = enums[name]
        lines += [f"    {name}:", "      type: string"]
        if words:
            lines.append(f"      description: {quoted(words)}")
        lines.append("      enum: [" + ", ".join(value for value in values if value != "none") + "]")
    return "\n".join(lines) + "\n"


def main():
    text = DOCUMENT.read_text()
    head, found, _ = text.partition(BEGIN)
    if not found:
        sys.exit(f"{DOCUMENT}: the line that begins the schemas is missing: {BEGIN.strip()}")
    wanted = head + BEGIN + generated()
    if "--check" in sys.argv[1:]:
        if text != wanted:
            sys.exit("schemas/openapi.yaml is not what the FlatBuffers schemas say; run tools/openapi_schemas.py")
        return
    DOCUMENT.write_text(wanted)


if __name__ == "__main__":
    main()
