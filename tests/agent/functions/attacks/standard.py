"""Programs started through Python's standard library."""

import asyncio
import multiprocessing
import multiprocessing.util
import os
import pathlib
import pty
import subprocess
import threading

from ways import TOUCH, in_child, in_thread, shell, way, ways


@way
def os_system(marker):
    return os.system(shell(marker))


@way
def os_system_five_times(marker):
    return [os.system(shell(marker)) for _ in range(5)]


@way
def os_popen(marker):
    return os.popen(shell(marker)).close()


@way
def os_posix_spawn(marker):
    child = os.posix_spawn(TOUCH, [TOUCH, marker], os.environ)
    return os.waitpid(child, 0)[1]


@way
def os_posix_spawnp(marker):
    child = os.posix_spawnp("touch", ["touch", marker], os.environ)
    return os.waitpid(child, 0)[1]


@ways("os_exec")
def _execs():
    return {
        "l": lambda marker: os.execl(TOUCH, TOUCH, marker),
        "le": lambda marker: os.execle(TOUCH, TOUCH, marker, {}),
        "lp": lambda marker: os.execlp("touch", "touch", marker),
        "lpe": lambda marker: os.execlpe("touch", "touch", marker, os.environ),
        "v": lambda marker: os.execv(TOUCH, [TOUCH, marker]),
        "ve": lambda marker: os.execve(TOUCH, [TOUCH, marker], {}),
        "vp": lambda marker: os.execvp("touch", ["touch", marker]),
        "vpe": lambda marker: os.execvpe("touch", ["touch", marker], os.environ),
        "ve_descriptor": lambda marker: os.execve(os.open(TOUCH, os.O_RDONLY), [TOUCH, marker], {}),
    }


@ways("os_spawn")
def _spawns():
    wait = os.P_WAIT
    return {
        "l": lambda marker: os.spawnl(wait, TOUCH, TOUCH, marker),
        "le": lambda marker: os.spawnle(wait, TOUCH, TOUCH, marker, {}),
        "lp": lambda marker: os.spawnlp(wait, "touch", "touch", marker),
        "lpe": lambda marker: os.spawnlpe(wait, "touch", "touch", marker, os.environ),
        "v": lambda marker: os.spawnv(wait, TOUCH, [TOUCH, marker]),
        "ve": lambda marker: os.spawnve(wait, TOUCH, [TOUCH, marker], {}),
        "vp": lambda marker: os.spawnvp(wait, "touch", ["touch", marker]),
        "vpe": lambda marker: os.spawnvpe(wait, "touch", ["touch", marker], os.environ),
        "v_nowait": lambda marker: os.waitpid(os.spawnv(os.P_NOWAIT, TOUCH, [TOUCH, marker]), 0)[1],
    }


@way
def fork_then_exec(marker):
    return in_child(lambda: os.execv(TOUCH, [TOUCH, marker]))


@way
def forkpty_then_exec(marker):
    child, terminal = os.forkpty()
    if child == 0:
        try:
            os.execv(TOUCH, [TOUCH, marker])
        finally:
            os._exit(77)
    try:
        return os.waitpid(child, 0)[1]
    finally:
        os.close(terminal)


@way
def pty_spawn(marker):
    here = os.getpid()
    try:
        status = pty.spawn([TOUCH, marker], lambda terminal: os.read(terminal, 1024), lambda _: b"")
        # A child that closed the terminal may be hung up before it ends: both are a program that ran.
        return "refused" if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 77 else "ran"
    finally:
        if os.getpid() != here:  # The exec failed in the child, which would go on as a second handler.
            os._exit(77)


@way
def script_with_interpreter(marker):
    script = pathlib.Path(marker + ".sh")
    script.write_text(f"#!/bin/sh\n{shell(marker)}\n")
    script.chmod(0o755)
    return subprocess.run([str(script)]).returncode


@way
def program_in_memory(marker):
    program = os.memfd_create("program")
    with open(TOUCH, "rb") as source:
        os.write(program, source.read())
    return in_child(lambda: os.execve(program, [TOUCH, marker], {}))


@way
def program_through_loader(marker):
    with open(os.readlink("/proc/self/exe"), "rb") as program:
        start = program.read(4096)
    at = start.index(b"/lib")
    loader = start[at : start.index(b"\0", at)].decode()
    return subprocess.run([loader, TOUCH, marker]).returncode


@way
def program_through_descriptor(marker):
    program = os.open(TOUCH, os.O_RDONLY)
    return in_child(lambda: os.execv(f"/proc/self/fd/{program}", [TOUCH, marker]))


@way
def exec_in_thread(marker):
    return in_child(lambda: in_thread(lambda: os.execv(TOUCH, [TOUCH, marker])))


@ways("subprocess")
def _subprocess():
    def command(marker):
        return [TOUCH, marker]

    return {
        "run": lambda marker: subprocess.run(command(marker)).returncode,
        "call": lambda marker: subprocess.call(command(marker)),
        "check_call": lambda marker: subprocess.check_call(command(marker)),
        "check_output": lambda marker: subprocess.check_output(command(marker)).decode(),
        "getoutput": lambda marker: subprocess.getoutput(shell(marker)),
        "getstatusoutput": lambda marker: subprocess.getstatusoutput(shell(marker))[0],
        "popen": lambda marker: subprocess.Popen(command(marker)).wait(),
        "relative": lambda marker: subprocess.run(["touch", marker]).returncode,
        "shell": lambda marker: subprocess.run(shell(marker), shell=True).returncode,
        "pipes": lambda marker: subprocess.run(command(marker), stdout=-1, stderr=-1).returncode,
        "open_descriptors": lambda marker: subprocess.run(command(marker), close_fds=False).returncode,
        "passed_descriptors": lambda marker: subprocess.run(command(marker), pass_fds=(1,)).returncode,
        "preexec": lambda marker: subprocess.run(command(marker), preexec_fn=lambda: None).returncode,
        "new_session": lambda marker: subprocess.run(command(marker), start_new_session=True).returncode,
        "process_group": lambda marker: subprocess.run(command(marker), process_group=0).returncode,
        "umask": lambda marker: subprocess.run(command(marker), umask=0o22).returncode,
        "user": lambda marker: subprocess.run(command(marker), user=os.getuid()).returncode,
        "folder": lambda marker: subprocess.run(command(marker), cwd="/").returncode,
        "no_environment": lambda marker: subprocess.run(command(marker), env={}).returncode,
        "thread": lambda marker: in_thread(lambda: subprocess.run(command(marker)).returncode),
        "child": lambda marker: in_child(lambda: subprocess.run(command(marker))),
    }


@way
def os_system_in_thread(marker):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(os.system(shell(marker))))
    thread.start()
    thread.join()
    return answers[0]


@way
def asyncio_subprocess_exec(marker):
    async def run():
        process = await asyncio.create_subprocess_exec(TOUCH, marker)
        return await process.wait()

    return asyncio.run(run())


@way
def asyncio_subprocess_shell(marker):
    async def run():
        process = await asyncio.create_subprocess_shell(shell(marker))
        return await process.wait()

    return asyncio.run(run())


@way
def posixsubprocess_fork_exec(marker):
    child = multiprocessing.util.spawnv_passfds(TOUCH.encode(), [TOUCH.encode(), marker.encode()], (1,))
    return os.waitpid(child, 0)[1]


@way
def multiprocessing_spawn(marker):
    process = multiprocessing.get_context("spawn").Process(target=pathlib.Path(marker).touch)
    process.start()
    process.join()
    return process.exitcode
