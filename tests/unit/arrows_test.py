"""Invariant 7: components use shared/ and schemas/ and never each other.

usage: arrows_test.py REPOSITORY_ROOT
"""

import pathlib
import re
import sys
import tempfile

COMPONENTS = ("dispatcher", "agents", "verifier", "cli")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
LINK = re.compile(r"\bws_(dispatcher|agent|agents|verifier|cli)\w*")


def component_of(include, file, root):
    """The top-level folder that an include names, from the root or beside the including file."""
    beside = (file.parent / include).resolve()
    path = beside.relative_to(root) if beside.is_file() and beside.is_relative_to(root) else pathlib.PurePath(include)
    return path.parts[0] if path.parts else ""


def wrong_includes(root):
    found = []
    for folder in (*COMPONENTS, "shared"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cc", ".cu") or not file.is_file():
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = component_of(match.group(1), file, root)
                if target in COMPONENTS and target != folder:
                    found.append(f"{file.relative_to(root)}:{number}: {folder} includes {match.group(1)}")
    return found


def wrong_links(root):
    """CMake targets are named ws_<component>[_part]; no other component may name them."""
    found = []
    for folder in (*COMPONENTS, "shared"):
        for file in sorted((root / folder).rglob("CMakeLists.txt")):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                for match in LINK.finditer(line.split("#")[0]):
                    owner = {"agent": "agents"}.get(match.group(1), match.group(1))
                    if owner != folder:
                        found.append(f"{file.relative_to(root)}:{number}: {folder} uses target {match.group(0)}")
    return found


def check_that_the_test_can_fail():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for name in (*COMPONENTS, "shared"):
            (root / name).mkdir()
        (root / "verifier/a.h").write_text("#pragma once\n")
        (root / "dispatcher/x.cc").write_text('#include "verifier/a.h"\n#include "shared/b.h"\n')
        (root / "agents/y.cc").write_text('  #include "../verifier/a.h"\n')
        (root / "cli/CMakeLists.txt").write_text("target_link_libraries(cli PRIVATE ws_core ws_agent)\n")
        assert len(wrong_includes(root)) == 2, wrong_includes(root)
        assert len(wrong_links(root)) == 1, wrong_links(root)


def main():
    check_that_the_test_can_fail()
    root = pathlib.Path(sys.argv[1]).resolve()
    missing = [name for name in COMPONENTS if not any((root / name).rglob("*.cc"))]
    found = [f"{name}: no sources found" for name in missing] + wrong_includes(root) + wrong_links(root)
    print("\n".join(found) or "arrows: components meet only in shared/ and schemas/")
    return 1 if found else 0


sys.exit(main())
