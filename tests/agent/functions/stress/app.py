"""Threads that open, connect, ask for names, fork and start programs at once; answers what came out wrong."""

import errno
import os
import random
import signal
import socket
import subprocess
import threading
import time

ADDRESS, ECHO, ELSEWHERE = "198.51.100.7", 7007, "203.0.113.9"
FILE, SECRET = "/tmp/defender-stress-file", "/srv/secret/file"
CALLS = []


def expect(expected):
    """A call, and the errno that it must fail with; None: it must work."""

    def register(function):
        CALLS.append((function.__name__, function, expected))
        return function

    return register


@expect(None)
def open_allowed():
    with open(FILE) as file:
        file.read()


@expect(errno.EACCES)
def open_denied():
    with open(SECRET):
        pass


@expect(errno.EACCES)
def list_denied():
    os.listdir("/srv/secret")


@expect(errno.EACCES)
def remove_denied():
    os.unlink(SECRET)


@expect(None)
def connect_allowed():
    with socket.create_connection((ADDRESS, ECHO), 10) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"


@expect(errno.EPERM)
def connect_denied():
    with socket.socket() as client:
        client.connect((ELSEWHERE, 80))


@expect(errno.EPERM)
def send_denied():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (ELSEWHERE, 80))


@expect(None)
def name_allowed():
    assert socket.gethostbyname("service.example.test") == "198.51.100.8"


@expect(socket.EAI_FAIL)
def name_denied():
    socket.getaddrinfo("denied.example.org", 80)


@expect(None)
def program_allowed():
    assert subprocess.run(["/usr/bin/cat"], input=b"x", stdout=subprocess.PIPE).stdout == b"x"


@expect(errno.EACCES)
def program_denied():
    subprocess.run(["/usr/bin/true"])


@expect(None)
def fork_and_go_on():
    """A child of a threaded process opens and connects, and is refused what its parent is."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            # Asking for names takes locks of libc's that another thread may have held.
            calls = [
                call
                for call in CALLS
                if call[0].split("_")[0] in {"open", "list", "remove", "connect", "send"}
            ]
            code = 2 if any(tried(call) for call in calls) else 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


SLOW = {program_allowed, program_denied, fork_and_go_on}


def tried(call):
    """What was wrong; None if it came out as it must."""
    name, function, expected = call
    try:
        function()
    except OSError as error:
        return None if error.errno == expected else f"{name}: {error!r}"
    except Exception as error:
        return f"{name}: {error!r}"
    return None if expected is None else f"{name} worked"


def work(seconds, seed, results):
    choice = random.Random(seed)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        call = choice.choice(CALLS)
        if call[1] in SLOW and choice.random() > 0.1:
            continue
        results.append(tried(call))


def threads(event):
    with open(FILE, "w") as file:
        file.write("x")
    results = []
    workers = [
        threading.Thread(target=work, args=(event["seconds"], seed, results))
        for seed in range(event["threads"])
    ]
    for worker in workers:
        worker.start()
    if event.get("hertz"):
        signals(event, results)
    for worker in workers:
        worker.join()
    wrong = [result for result in results if result]
    return {"calls": len(results), "wrong": sorted(set(wrong))[:5], "threads": threading.active_count()}


def signals(event, results):
    """Handlers of this thread open and connect, whatever they interrupt."""
    quick = [call for call in CALLS if call[1] not in SLOW and "name" not in call[0]]

    inside = []

    def handle(number, frame):
        if len(inside) < 5:  # On a busy machine a call takes longer than until the next signal.
            inside.append(number)
            results.append(tried(quick[len(results) % len(quick)]))
            inside.pop()

    before = [signal.signal(number, handle) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.setitimer(signal.ITIMER_REAL, 1 / event["hertz"], 1 / event["hertz"])
    signal.setitimer(signal.ITIMER_PROF, 1 / event["hertz"], 1 / event["hertz"])
    work(event["seconds"], "main", results)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_PROF, 0)
    for number, handler in zip((signal.SIGALRM, signal.SIGPROF), before, strict=True):
        signal.signal(number, handler)


def orphan(event):
    """A child that goes on when the runtime has ended, and writes what became of its calls into a file."""
    parent = os.getpid()
    if os.fork() == 0:
        try:
            while os.getppid() == parent:
                time.sleep(0.01)
            wrong = [tried(call) for call in CALLS]
            with open(event["file"] + ".new", "w") as file:
                file.write("\n".join(filter(None, wrong)))
            os.rename(event["file"] + ".new", event["file"])
        finally:
            os._exit(0)
    return True


def measure(event):
    with open("/proc/self/statm") as statm:
        kib = int(statm.read().split()[1]) * 4
    return {
        "kib": kib,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(os.listdir("/proc/self/task")),
    }


def handler(event, context):
    return globals()[event["do"]](event)
