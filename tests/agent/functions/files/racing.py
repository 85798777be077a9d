"""One thread swaps what a path means while another one uses it: what was judged must be what is used."""

import ctypes
import os

from ways import inside, ways

_SWAPPED = ["link", "linked_folder", "folder", "working_folder", "memory", "descriptor"]
_CALLS = ["read", "write", "mkdir", "symlink", "link_out", "truncate", "chmod", "rename_into"]
_ROUNDS = {"read": 20000}
_OFTEN = 2000


def _prepare(at, swapped):
    """Put what is swapped into place. Returns the allowed folder, and the path, which may mean it or the denied one."""
    folder, swap = at.open + "/folder", at.open + "/swap"
    if swapped == "link":
        os.symlink(folder + "/secret", swap)
        os.symlink(at.secret, swap + "_other")
        return folder, swap
    if swapped == "linked_folder":
        os.symlink(folder, swap)
        os.symlink(at.denied, swap + "_other")
        return folder, swap + "/secret"
    if swapped == "folder":
        os.rename(folder, swap)
        os.symlink(at.denied, swap + "_other")
        return swap, swap + "/secret"
    if swapped == "memory":
        os.symlink(folder, swap + "A")
        os.symlink(at.denied, swap + "B")
        return folder, swap + "A/secret"
    if swapped == "descriptor":
        os.rename(folder, at.open + "/denied")
        return at.open + "/denied", "denied/secret"
    return folder, "secret"


def _race(swapped, called):
    def attack(at):
        plain, path = _prepare(at, swapped)
        room = ctypes.create_string_buffer(path.encode(), 400)
        answers = (ctypes.c_uint * 4)()
        which = _SWAPPED.index(swapped), _CALLS.index(called)
        rounds = _ROUNDS.get(called, _OFTEN)
        race = ctypes.CDLL(os.environ["FILES_RACES"]).attack_race
        with inside(plain if swapped == "working_folder" else "/"):
            race(*which, at.base.encode(), plain.encode(), room, rounds, answers)
        return dict(zip(("secret", "plain", "refused", "other"), answers, strict=True))

    return attack


@ways("race")
def _races():
    pairs = [(swapped, "read") for swapped in _SWAPPED]
    pairs += [(swapped, "write") for swapped in _SWAPPED[1:]]
    pairs += [("linked_folder", called) for called in _CALLS[2:]]
    return {f"{swapped}_{called}": _race(swapped, called) for swapped, called in pairs}
