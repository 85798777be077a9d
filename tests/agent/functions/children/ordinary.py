"""What programs are started for; the answers must be those of an unprotected function."""

import asyncio
import os
import platform
import signal
import subprocess
import sys
import threading

MACHINE = platform.machine()
LOADER = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}[MACHINE]
EXECVE = {"x86_64": 59, "aarch64": 221}[MACHINE]
OURS = {"LD_PRELOAD", "TW_POLICY", "TW_PARENT"}
DOINGS = {}


def doing(function):
    DOINGS[function.__name__] = function
    return function


def _shell(command, **options):
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, **options)
    return [done.returncode, done.stdout, done.stderr]


@doing
def exit_codes():
    return [_shell(f"exit {code}")[0] for code in (0, 1, 3, 127, 255)]


@doing
def system_statuses():
    return [os.system(command) for command in ("exit 0", "exit 3", "kill -9 $$", "kill -TERM $$", "/no/such")]


@doing
def system_leaves_signals():
    """SIGINT and SIGQUIT are ignored by the caller meanwhile, and not by the shell."""
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    status = os.system("kill -INT $PPID; kill -QUIT $PPID; kill -INT $$; exit 5")
    after = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return [status, before == after, os.system("kill -QUIT $$") & 127]


@doing
def system_in_threads():
    results = []
    threads = [threading.Thread(target=lambda: results.append(os.system("exit 4"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@doing
def system_without_children():
    """SIGCHLD is ignored: nobody can wait for the shell."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        return os.system("exit 3")
    finally:
        signal.signal(signal.SIGCHLD, before)


@doing
def pipes():
    cat = subprocess.Popen(
        ["/bin/sh", "-c", 'while read line; do echo "<$line>"; done'], stdin=-1, stdout=-1, text=True
    )
    return [cat.communicate("a\nb\n")[0], cat.returncode]


@doing
def large_output():
    code = "import sys; sys.stdout.write('x' * 1000000); sys.stderr.write('y' * 1000000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    return [done.returncode, len(done.stdout), len(done.stderr)]


@doing
def timeout():
    try:
        subprocess.run(["/bin/sh", "-c", "while :; do :; done"], timeout=0.5)
    except subprocess.TimeoutExpired as error:
        return type(error).__name__


@doing
def killing():
    codes = []
    for name in ("SIGTERM", "SIGKILL", "SIGINT"):
        child = subprocess.Popen(["/bin/sh", "-c", "echo; while :; do :; done"], stdout=subprocess.PIPE)
        child.stdout.readline()
        child.send_signal(getattr(signal, name))
        codes.append(child.wait())
        child.stdout.close()
    return codes


@doing
def descriptors():
    """The program has those that it was given, and no others."""
    code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
    reader, writer = os.pipe()
    outcome = []
    for given in ((), (writer,)):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, pass_fds=given)
        found = [number for number in eval(done.stdout) if number not in given]
        outcome.append([found, done.stderr])
    os.close(reader)
    os.close(writer)
    return outcome


@doing
def environment():
    code = f"import os; print([k for k in os.environ if k not in {OURS!r}])"
    outcome = []
    for given in ({}, {"A": "1", "B": "=x", "EMPTY": ""}, None):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given)
        found = eval(done.stdout)
        outcome.append([sorted(name for name in found if not name.startswith(("AWS", "_"))), done.stderr])
    return outcome


@doing
def own_environment():
    """Starting programs leaves no trace in the function's own."""
    before = dict(os.environ)
    os.system("exit 0")
    _shell("exit 0")
    with open("/proc/self/environ", "rb") as file:
        return [before == dict(os.environ), b"LD_PRELOAD" in file.read()]


@doing
def python_program():
    code = "import json, threading; t = threading.Thread(target=print, args=(json.dumps([1]),)); t.start(); t.join()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr]


@doing
def asynchronous():
    async def run():
        child = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", "echo out; exit 2", stdout=subprocess.PIPE
        )
        out, _ = await child.communicate()
        return [out.decode(), child.returncode]

    return asyncio.run(run())


@doing
def no_such_program():
    outcome = []
    for path in ("/no/such/program", "/etc/passwd", "/"):
        try:
            subprocess.run([path], env={})
        except OSError as error:
            outcome.append(error.errno)
    return outcome


@doing
def too_much():
    """More than the kernel takes fails as before."""
    try:
        subprocess.run(["/bin/sh", "-c", "exit 0"], env={"A": "x" * 200000})
    except OSError as error:
        return error.errno
