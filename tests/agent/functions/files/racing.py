"""One thread swaps what a path means while another one uses it: what was judged must be what is used."""

import contextlib
import ctypes
import fcntl
import os
import socket
import threading

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


@contextlib.contextmanager
def _meanwhile(step):
    """Another thread takes the same step again and again."""
    over = threading.Event()

    def run():
        while not over.is_set():
            step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _take_anew(close):
    """The number is closed, and becomes another file: where the lowest free number is taken, maybe a higher one."""

    def put(descriptor, number):
        with contextlib.suppress(OSError):
            close(number)
        taken = fcntl.fcntl(descriptor, fcntl.F_DUPFD, number)
        if taken != number:
            os.close(taken)

    return put


# What puts a file in the place of a number, whatever that was.
_PUT = {
    "dup2": os.dup2,
    "close": _take_anew(os.close),
    "sweep": _take_anew(lambda number: os.closerange(number, number + 1)),
}
_HELD = range(40, 44)  # The lowest numbers that the agent holds files by.


def _count(attempts, attempt):
    answers = dict.fromkeys(("secret", "plain", "refused", "other"), 0)
    for number in range(attempts):
        try:
            answers[attempt(number)] += 1
        except PermissionError:
            answers["refused"] += 1
        except OSError:
            answers["other"] += 1
    return answers


def _read_held(put):
    def attack(at):
        _, path = _prepare(at, "link")
        secret = os.open(at.secret, os.O_PATH)

        def attempt(_):
            with open(path, "rb", buffering=0) as file:
                return "secret" if file.read(6) == b"token-" else "plain"

        with _meanwhile(lambda: [put(secret, number) for number in _HELD]):
            return _count(_OFTEN, attempt)

    return attack


def _make_held(put):
    def attack(at):
        _, path = _prepare(at, "linked_folder")
        denied = os.open(at.denied, os.O_PATH)

        def attempt(number):
            os.mkdir(f"{path}{number}")
            os.rmdir(f"{path}{number}")
            return "plain"

        with _meanwhile(lambda: [put(denied, number) for number in _HELD]):
            return _count(_OFTEN, attempt)

    return attack


def _connect(at):
    """A Unix socket says itself which one it is."""
    folder, path = _prepare(at, "linked_folder")
    links = [path[: -len("/secret")], path[: -len("/secret")] + "_other"]

    def swap():
        os.rename(links[0], at.open + "/between")
        os.rename(links[1], links[0])
        os.rename(at.open + "/between", links[1])

    def attempt(_):
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(links[0] + "/socket")
            if client.getpeername().startswith(at.denied):
                return "secret"
            server.accept()[0].close()
            return "plain"

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(folder + "/socket")
        server.listen()
        with _meanwhile(swap):
            return _count(_OFTEN, attempt)


@ways("race")
def _held():
    return {
        "linked_folder_connect_to_somebody": _connect,
        **{f"held_{put}_read": _read_held(_PUT[put]) for put in _PUT},
        **{f"held_{put}_mkdir": _make_held(_PUT[put]) for put in _PUT},
    }


@ways("race")
def _races():
    pairs = [(swapped, "read") for swapped in _SWAPPED]
    pairs += [(swapped, "write") for swapped in _SWAPPED[1:]]
    pairs += [("linked_folder", called) for called in _CALLS[2:]]
    return {f"{swapped}_{called}": _race(swapped, called) for swapped, called in pairs}
