"""What the command line says of itself: completion and manual, made from the program's own description of its commands.

usage: cli_reference_test.py WORLDSHARE_PROGRAM
"""

import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)


def run(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True).stdout


def commands():
    """The first word of every line below "Subcommands:"."""
    lines = run("--help").split("Subcommands:")[1].splitlines()
    return {line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")}


def completed(*words):
    """What bash offers behind these words; the last one is being typed."""
    script = run("completion", "bash") + 'COMP_WORDS=(worldshare "$@"); COMP_CWORD=$#; _worldshare; printf "%s\\n" "${COMPREPLY[@]}"'
    return subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True, cwd="/").stdout.split()


class ReferenceTest(unittest.TestCase):
    def test_bash_offers_commands_and_options(self):
        self.assertTrue(commands() <= set(completed("")))
        self.assertEqual(completed("tok"), ["token"])
        self.assertTrue({"create", "list", "revoke"} <= set(completed("token", "")))
        self.assertEqual(completed("token", "create", "anna", "--ro"), ["--role"])
        self.assertIn("--token-file", completed("jobs", "--"))
        self.assertTrue({"--days", "--limit", "--json"} <= set(completed("leaderboard", "--")))
        self.assertTrue({"show", "readmit", "ban", "appoint", "relieve"} <= set(completed("trust", "")))
        self.assertTrue({"--operator", "--reason"} <= set(completed("trust", "appoint", "anna", "--")))

    def test_fish_knows_every_command(self):
        lines = run("completion", "fish").splitlines()
        for command in commands():
            self.assertTrue(any(" -a %s -d " % command in line for line in lines), command)

    def test_the_manual_has_every_command_and_exit_code(self):
        manual = run("man")
        for command in commands():
            self.assertIn(".SS worldshare " + command.replace("-", "\\-"), manual)
        self.assertIn(".TP\n130\ninterrupted", manual)
        self.assertTrue(manual.replace("\n", "").isprintable())
        for line in manual.splitlines():
            self.assertTrue(not line.startswith(("'", ".")) or line.split()[0] in {".TH", ".SH", ".SS", ".TP"}, line)


unittest.main()
