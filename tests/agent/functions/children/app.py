"""Starts allowed programs in many ways; what each of them then does is to start a program that is not allowed."""

import ctypes
import os
import subprocess
import sys
import threading

import ordinary
from launch import LIBC, SHELL, exec_in_child, strings

# A valid TW_POLICY that switches enforcement off.
OFF = "eyJ2IjoxLCJpZCI6eyJwcm92aWRlciI6ImF3cyJ9LCJjb25zb2xlIjpudWxsLCJydW50aW1lIjpudWxsfQ=="
FORGED = {"TW_POLICY": OFF, "TW_PARENT": "forged;1;2;3;", "LD_PRELOAD": "/no/such/library.so"}
TOUCH = "/usr/bin/touch "
# A program that is itself made of protected code, if it is there.
AGENT = """
import os, sys
def handler(event, context): os.system("/usr/bin/touch " + event)
sys.path.insert(0, os.getcwd())
try:
    import twistlock.serverless as agent
    print(agent.status)
    handler = agent.handler(handler)
except ImportError:
    print(None)
handler(sys.argv[1], None)
"""


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def _shell(command, **options):
    return _run(SHELL, "-c", command, **options)


def _python(code, marker, **options):
    return _run(sys.executable, "-c", code, marker, **options)


def _nested(marker):
    return "env -i " + SHELL + " -c '" + TOUCH + marker + "'"


def _spawn(marker, environment):
    child = os.posix_spawn(SHELL, ["sh", "-c", TOUCH + marker], environment)
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}


def _spawn_by_name(marker):
    child = ctypes.c_int()
    assert LIBC.posix_spawnp(ctypes.byref(child), b"sh", None, None, _arguments(marker), strings()) == 0
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child.value, 0)[1])}


def _exec(call):
    """In a fork, since the call replaces the process."""
    return {"code": exec_in_child(call)}


def _arguments(marker):
    return strings("sh", "-c", TOUCH + marker)


def _in_memory(marker):
    """The shell's copy in a file that has no name."""
    file = os.memfd_create("copy")
    with open(os.path.realpath(SHELL), "rb") as program:
        os.write(file, program.read())
    return _exec(lambda: LIBC.fexecve(file, _arguments(marker), strings()))


def _script(marker):
    path = marker + ".script"
    with open(path, "w") as script:
        script.write("#!" + SHELL + "\n" + TOUCH + marker + "\n")
    os.chmod(path, 0o755)
    allowed = os.path.join(os.path.dirname(marker), "script")
    os.replace(path, allowed)
    return _run(allowed, env={})


def _words(marker):
    room = ctypes.create_string_buffer(256)
    return {"code": LIBC.wordexp(("$(" + TOUCH + marker + ")").encode(), room, 0)}


def _stream(marker):
    LIBC.popen.restype = ctypes.c_void_p
    LIBC.pclose.argtypes = (ctypes.c_void_p,)
    stream = LIBC.popen((TOUCH + marker).encode(), b"r")
    return {"code": LIBC.pclose(stream)}


def _while_it_changes(marker):
    """A thread takes the entries out of the environment while others start shells with it."""
    done = threading.Event()

    def change():
        while not done.is_set():
            for name in ("LD_PRELOAD", "TW_POLICY", "TW_PARENT"):
                os.unsetenv(name)
                os.putenv(name, "x")

    thread = threading.Thread(target=change)
    thread.start()
    codes = {os.system(TOUCH + marker) for _ in range(20)}
    done.set()
    thread.join()
    for name in FORGED:
        os.unsetenv(name)
    return {"code": sorted(codes)}


# Name: what it does with a marker.
WAYS = {
    "inherited": lambda marker: _shell(TOUCH + marker),
    "empty": lambda marker: _shell(TOUCH + marker, env={}),
    "forged": lambda marker: _shell(TOUCH + marker, env=FORGED),
    "grandchild": lambda marker: _shell(_nested(marker), env={}),
    "grandchild_unset": lambda marker: _shell(
        "unset LD_PRELOAD TW_POLICY TW_PARENT; " + SHELL + " -c '" + TOUCH + marker + "'"
    ),
    "subshell": lambda marker: _shell("(" + TOUCH + marker + "); exit $?"),
    "pipeline": lambda marker: _shell("echo x | " + TOUCH + marker),
    "closed_descriptors": lambda marker: _shell("exec 2>&- 1>&-; " + TOUCH + marker),
    "python_system": lambda marker: _python(
        "import os, sys; os.system('/usr/bin/touch ' + sys.argv[1])", marker
    ),
    "python_subprocess": lambda marker: _python(
        "import subprocess, sys; subprocess.run(['/usr/bin/touch', sys.argv[1]], env={})", marker, env={}
    ),
    "python_fork": lambda marker: _python(
        "import os, sys; os.fork() or os.execv('/usr/bin/touch', ['touch', sys.argv[1]]); os.wait()", marker
    ),
    "python_agent": lambda marker: _python(AGENT, marker, cwd=os.path.dirname(os.path.abspath(__file__))),
    "through_loader": lambda marker: _run(
        ordinary.LOADER, "--inhibit-cache", os.path.realpath(SHELL), "-c", TOUCH + marker, env={}
    ),
    "bind_not": lambda marker: _shell(TOUCH + marker, env={"LD_BIND_NOT": "1", "LD_BIND_NOW": ""}),
    "other_preload": lambda marker: _shell(TOUCH + marker, env={"LD_PRELOAD": os.environ["CHILD_LIBRARY"]}),
    # Its constructor tries to become `touch` before the shell begins.
    "preload_constructor": lambda marker: _shell(
        "exit 126", env={"LD_PRELOAD": os.environ["CHILD_LIBRARY"], "CONSTRUCTOR_MARKER": marker}
    ),
    "audited": lambda marker: _shell(TOUCH + marker, env={"LD_AUDIT": "/no/such/library.so"}),
    "os_system": lambda marker: {"code": os.system(TOUCH + marker)},
    "os_system_while_it_changes": _while_it_changes,
    "os_posix_spawn": lambda marker: _spawn(marker, {}),
    "os_posix_spawn_forged": lambda marker: _spawn(marker, FORGED),
    "os_execve": lambda marker: _exec(lambda: os.execve(SHELL, ["sh", "-c", TOUCH + marker], {})),
    "script": _script,
    "in_memory": _in_memory,
    "ctypes_popen": _stream,
    "ctypes_wordexp": _words,
    "ctypes_no_environment": lambda marker: _exec(
        lambda: LIBC.execve(SHELL.encode(), _arguments(marker), None)
    ),
    "ctypes_twice": lambda marker: _exec(
        lambda: LIBC.execve(
            SHELL.encode(),
            _arguments(marker),
            strings(*("=".join(pair) for pair in FORGED.items()), *["TW_POLICY=" + OFF] * 3),
        )
    ),
    "ctypes_many": lambda marker: _exec(
        lambda: LIBC.execve(SHELL.encode(), _arguments(marker), strings(*(f"A{i}=b" for i in range(15000))))
    ),
    "ctypes_execl": lambda marker: _exec(
        lambda: LIBC.execl(SHELL.encode(), b"sh", b"-c", (TOUCH + marker).encode(), None)
    ),
    "ctypes_execle": lambda marker: _exec(
        lambda: LIBC.execle(SHELL.encode(), b"sh", b"-c", (TOUCH + marker).encode(), None, strings())
    ),
    "ctypes_execvp": lambda marker: _exec(lambda: LIBC.execvp(b"sh", _arguments(marker))),
    "ctypes_execvpe": lambda marker: _exec(lambda: LIBC.execvpe(b"sh", _arguments(marker), strings())),
    "ctypes_execveat": lambda marker: _exec(
        lambda: LIBC.execveat(-100, SHELL.encode(), _arguments(marker), strings(), 0)
    ),
    "ctypes_posix_spawnp": _spawn_by_name,
    "ctypes_syscall": lambda marker: _exec(
        lambda: LIBC.syscall(ordinary.EXECVE, SHELL.encode(), _arguments(marker), strings())
    ),
    # The program itself is not judged. It makes the marker by itself, or has a shell start a program.
    "static": lambda marker: _run(os.environ["STATIC_CHILD"], marker, env={}),
    "static_shell": lambda marker: _run(os.environ["STATIC_CHILD"], SHELL, "-c", TOUCH + marker, env={}),
}


def handler(event, context):
    if "doing" in event:
        return ordinary.DOINGS[event["doing"]]()
    try:
        return WAYS[event["way"]](event["marker"])
    except Exception as error:
        return {"raised": repr(error)}
