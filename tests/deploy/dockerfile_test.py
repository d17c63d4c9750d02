"""deploy/docker/Dockerfile against the programs that were built: dockerfile_test.py BUILD_FOLDER

Building the images takes too long for every day. What breaks them most easily is told without: a library that a program has come to
need and that no package of its image brings. Debian 12's names of packages."""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
IN_EVERY_DEBIAN = {"libc6", "libgcc-s1", "zlib1g"}


def stages():
    """{name of a stage: (what it is made from, its text)}."""
    text = (ROOT / "deploy/docker/Dockerfile").read_text().replace("\\\n", " ")
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.M)[1:]
    return {name: (base, body) for base, name, body in zip(parts[::3], parts[1::3], parts[2::3])}


def packages_of(image):
    """Those that are named for an image and for all that it is made from."""
    known, named = stages(), set()
    while image in known:
        image, body = known[image]
        for listed in re.findall(r"add-packages ([^&\n]*)", body):
            named.update(listed.split())
    return named


def packages_with(libraries):
    """{library: packages that bring it}; dpkg reads its lists once for all of them."""
    found = subprocess.run(["dpkg", "-S", *(f"*/{library}" for library in libraries)], capture_output=True, text=True, check=True).stdout
    out = {library: set() for library in libraries}
    for line in found.splitlines():
        package, _, path = line.partition(": ")
        out[path.rpartition("/")[2]].add(package.partition(":")[0])
    return out


def with_what_they_need(packages):
    """These and the packages that apt installs with them, by Debian's own word."""
    known = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\\t${Pre-Depends}, ${Depends}\\n"], capture_output=True, text=True, check=True).stdout
    needs = {line.partition("\t")[0]: re.findall(r"(?:^|[,|]\s*)([a-z0-9][a-z0-9+.-]*)", line.partition("\t")[2]) for line in known.splitlines()}
    found, waiting = set(), list(packages)
    while waiting:
        package = waiting.pop()
        if package not in found:
            found.add(package)
            waiting += needs.get(package, [])
    return found


def libraries_of(program):
    """Without those that only a build with sanitizers needs, which no image is made of."""
    found = re.findall(r"NEEDED\s+(\S+)", subprocess.run(["objdump", "-p", BUILD / "bin" / program], capture_output=True, text=True, check=True).stdout)
    return [library for library in found if not re.match(r"lib((a|ub|t)san|boost_container)\b", library)]


class Dockerfile(unittest.TestCase):
    def test_every_library_of_a_program_is_in_a_package_of_its_image(self):
        programs = [(image, pathlib.Path(path).name) for image, (_, body) in stages().items()
                    for copied in re.findall(r"^COPY --from=programs (.*) /usr/local/bin/$", body, re.M) for path in copied.split()]
        self.assertEqual(len(programs), 6, "dispatcher 1, verifier 2, agent 1, tools 2")
        needed = {program: libraries_of(program) for _, program in programs}
        packages = packages_with(sorted(set().union(*needed.values())))
        for image, program in programs:
            named = with_what_they_need(packages_of(image) | IN_EVERY_DEBIAN)
            for library in needed[program]:
                self.assertTrue(packages[library] & named, f"{image}: {program} needs {library} of {packages[library]}")

    def test_what_differs_from_commit_to_commit_comes_after_the_packages(self):
        known = stages()
        for name in ("runtime", "blender"):
            self.assertNotRegex(known[name][1], r"(?m)^ARG|--from=", f"{name} would be made anew for each commit")


if __name__ == "__main__":
    unittest.main()
