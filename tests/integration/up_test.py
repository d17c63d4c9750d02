"""`worldshare up` and `down` agree on whether a stack is up, whatever an earlier one left.

usage: up_test.py WORLDSHARE_PROGRAM
"""

import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
STACK = "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); print('up', flush=True); time.sleep(100)"


class UpTest(unittest.TestCase):
    def setUp(self):
        state = tempfile.TemporaryDirectory()
        self.addCleanup(state.cleanup)
        self.environment = {**os.environ, "WORLDSHARE_STATE": state.name}
        self.folder = os.path.join(state.name, "up")
        os.mkdir(self.folder)

    def run_command(self, name):
        return subprocess.run([PROGRAM, name], capture_output=True, text=True, env=self.environment, timeout=50)

    def start(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        return process

    def note(self, pid):
        with open(os.path.join(self.folder, "pid"), "w", encoding="utf-8") as file:
            file.write("%d\n" % pid)

    def start_stack(self):
        """Whatever holds the lock is one."""
        stack = self.start(sys.executable, "-c", STACK, os.path.join(self.folder, "lock"))
        self.assertEqual(stack.stdout.readline(), "up\n")
        self.note(stack.pid)
        return stack

    def test_the_number_that_a_killed_stack_left_is_nobodys(self):
        stranger = self.start("sleep", "100")
        self.note(stranger.pid)
        down = self.run_command("down")
        self.assertEqual((down.returncode, down.stdout), (0, "no stack is up\n"))
        self.assertIsNone(stranger.poll(), "it was signalled")

    def test_down_stops_the_stack_that_is_up(self):
        stack = self.start_stack()
        down = self.run_command("down")
        self.assertEqual((down.returncode, down.stdout), (0, "stopped\n"))
        self.assertIsNotNone(stack.wait(10))

    def test_a_second_one_does_not_start(self):
        stack = self.start_stack()
        os.unlink(os.path.join(self.folder, "pid"))
        up = self.run_command("up")
        self.assertNotEqual(up.returncode, 0)
        self.assertIn("a stack is up already", up.stderr)
        self.assertIsNone(stack.poll())


if __name__ == "__main__":
    unittest.main()
