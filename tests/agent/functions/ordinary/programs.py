"""One program, `cat`, in all the ways that Python starts one: an allow list of it must let all of them work."""

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import tempfile

from doings import doing

CAT = "/usr/bin/cat"


@doing
def program_run():
    return [
        subprocess.run(["cat"], input="text", capture_output=True, text=True, check=True).stdout,
        subprocess.check_output([CAT], input=b"bytes").decode(),
        subprocess.run(["cat", "-"], stdin=subprocess.DEVNULL).returncode,
        subprocess.call([CAT, "/no/such/file"], stderr=subprocess.DEVNULL),
    ]


@doing
def program_with_much_data():
    """More than a pipe holds, both ways."""
    data = b"x" * 3_000_000
    return subprocess.run([CAT], input=data, capture_output=True).stdout == data


@doing
def program_with_timeout():
    try:
        subprocess.run([CAT], stdin=subprocess.PIPE, timeout=0.1)
    except subprocess.TimeoutExpired as error:
        return error.timeout


@doing
def program_killed():
    found = []
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        process = subprocess.Popen([CAT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdout.read(1)  # It runs: a signal before its exec would find Python's own handlers.
        process.send_signal(number)
        found.append(process.wait(10))
        process.stdin.close()
        process.stdout.close()
    return found


@doing
def program_in_a_chain():
    with tempfile.TemporaryFile() as file:
        file.write(b"from a file")
        file.seek(0)
        first = subprocess.Popen([CAT], stdin=file, stdout=subprocess.PIPE)
        second = subprocess.Popen([CAT], stdin=first.stdout, stdout=subprocess.PIPE)
        first.stdout.close()
        return second.communicate(timeout=10)[0].decode(), first.wait(), second.returncode


@doing
def program_with_settings():
    reading, writing = os.pipe()
    os.write(writing, b"passed")
    os.close(writing)
    options = [
        {"cwd": "/tmp"},
        {"env": {}},
        {"env": {"PATH": "/usr/bin", "A": "b"}},
        {"close_fds": False},
        {"start_new_session": True},
        {"process_group": 0},
        {"umask": 0o22},
        {"restore_signals": False},
        {"preexec_fn": os.getpid},
        {"executable": CAT},
        {"bufsize": 0},
    ]
    found = [
        subprocess.run([CAT], input=b"x", capture_output=True, **each).stdout.decode() for each in options
    ]
    passed = subprocess.run([CAT, f"/dev/fd/{reading}"], pass_fds=[reading], capture_output=True)
    os.close(reading)
    return [*found, passed.stdout.decode(), passed.stderr.decode()]


@doing
def program_in_a_loop():
    async def work():
        pipe = asyncio.subprocess.PIPE
        one = await asyncio.create_subprocess_exec(CAT, stdin=pipe, stdout=pipe)
        found = [(await one.communicate(b"async"))[0].decode(), one.returncode]
        two = await asyncio.create_subprocess_exec(CAT, stdin=pipe)
        try:
            await asyncio.wait_for(two.wait(), 0.1)
        except TimeoutError:
            two.kill()
        return [*found, await two.wait()]

    return asyncio.run(work())


@doing
def program_in_threads():
    def work(number):
        return subprocess.run([CAT], input=str(number), capture_output=True, text=True).stdout

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, range(12)))


@doing
def program_by_hand():
    ways = (
        lambda: os.spawnv(os.P_WAIT, CAT, ["cat", "/dev/null"]),
        lambda: os.spawnlp(os.P_WAIT, "cat", "cat", "/dev/null"),
        lambda: os.waitpid(os.posix_spawn(CAT, ["cat", "/dev/null"], os.environ), 0)[1],
        lambda: os.waitpid(os.posix_spawnp("cat", ["cat", "/dev/null"], {}), 0)[1],
    )
    found = [start() for start in ways]
    child = os.fork()
    if child == 0:
        try:
            os.execve(CAT, ["cat", "/dev/null"], {})
        finally:
            os._exit(99)
    return [*found, os.waitpid(child, 0)[1]]
