"""Which server: the preferences, the environment, or the farm that `./dev up` started on this machine."""

import os
import sys

STATE_ROOTS = ("/var/lib/worldshare", "$XDG_STATE_HOME/worldshare", "~/.local/state/worldshare")


def first_line(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()


def local_farm(roots=STATE_ROOTS):
    """(address, token) of the farm that runs on this machine, or None."""
    if sys.platform == "win32":
        return None
    for root in roots:
        folder = os.path.join(os.path.expanduser(os.path.expandvars(root)), "up")
        try:
            return first_line(os.path.join(folder, "url")), first_line(os.path.join(folder, "keys", "api-token"))
        except OSError:
            continue
    return None


def choose(address, token, environment=os.environ, find_local=local_farm):
    """(address, token, where they come from); the address is empty when there is none."""
    if address:
        return address, token, "the preferences"
    if environment.get("WORLDSHARE_SERVER"):
        token_file = environment.get("WORLDSHARE_TOKEN_FILE")
        return environment["WORLDSHARE_SERVER"], first_line(token_file) if token_file else token, "the environment"
    found = find_local()
    if found:
        return (*found, "the farm on this machine")
    return "", "", "nowhere"
