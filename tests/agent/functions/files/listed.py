"""Under a list of allowed folders: what every function needs, and what the list keeps from it."""

import ctypes
import importlib
import json
import locale
import os
import pwd
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from native import library, pointer
from ways import close, read, ways, write


@ways("needs")
def _needs():
    return {
        "standard_library": _fresh_import,
        "own_code": lambda at: read(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "app.py")) != "",
        "resolver": lambda at: read("/etc/resolv.conf") is not None,
        "hosts": lambda at: "localhost" in read("/etc/hosts"),
        "names": lambda at: socket.getaddrinfo("localhost", 80) != [],
        "users": lambda at: pwd.getpwuid(0).pw_name,
        "own_status": lambda at: "VmRSS" in read("/proc/self/status"),
        "own_maps": lambda at: "[stack]" in read("/proc/self/maps"),
        "own_status_by_number": lambda at: "VmRSS" in read(f"/proc/{os.getpid()}/status"),
        "own_threads": lambda at: str(threading.get_native_id()) in os.listdir("/proc/self/task"),
        "memory": lambda at: "MemTotal" in read("/proc/meminfo"),
        "processors": lambda at: "processor" in read("/proc/cpuinfo"),
        "control_group": lambda at: os.listdir("/sys/fs/cgroup") is not None,
        "random": lambda at: len(open("/dev/urandom", "rb", buffering=0).read(16)),
        "nothing": lambda at: read("/dev/null"),
        "nothing_to_write": lambda at: write("/dev/null"),
        "nothing_for_programs": lambda at: (
            subprocess.run(["/usr/bin/true"], stdin=subprocess.DEVNULL).returncode
        ),
        "certificates": lambda at: len(ssl.create_default_context().get_ca_certs()) >= 0,
        "certificate_folder": lambda at: (
            os.path.isdir("/etc/ssl/certs") and os.listdir("/etc/ssl/certs") != []
        ),
        "time_zone": _time_zone,
        "locale": lambda at: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
        "library": lambda at: ctypes.CDLL("libm.so.6").abs(-3),
        "extension": lambda at: importlib.import_module("_lsprof").__name__,
        "program": lambda at: subprocess.run(["/usr/bin/true"]).returncode,
        "allowed_read": lambda at: read(at.plain),
        "allowed_write": lambda at: write(at.mine),
        "allowed_list": lambda at: sorted(os.listdir(at.open)),
        "allowed_tempfile": lambda at: close(tempfile.mkstemp(dir=at.open)[0]),
        "allowed_mkdir": lambda at: os.makedirs(at.mine + "/a/b"),
    }


def _fresh_import(at):
    sys.modules.pop("colorsys", None)
    return importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0)


def _time_zone(at):
    before = os.environ["TZ"]
    os.environ["TZ"] = "Europe/Vienna"
    try:
        time.tzset()
        return time.tzname
    finally:
        os.environ["TZ"] = before
        time.tzset()


@ways("kept")
def _kept():
    """All of these give what they hold, or change it."""
    return {
        "read_beside": lambda at: read(at.secret),
        "write_beside": lambda at: write(at.new),
        "write_above": lambda at: write(at.area + "/new"),
        "list_beside": lambda at: sorted(os.listdir(at.denied)),
        "list_root": lambda at: sorted(os.listdir("/")),
        "tempfile": lambda at: _gone(tempfile.mkstemp(dir="/tmp")),
        "shared_memory": lambda at: _gone(_opened("/dev/shm/tw-kept")),
        "own_code": lambda at: _gone(_opened(os.environ["LAMBDA_TASK_ROOT"] + "/new.py")),
        "passwords": lambda at: read("/etc/shadow"),
        "own_environment": lambda at: "PATH=" in read("/proc/self/environ"),
        "thread_environment": lambda at: "PATH=" in read("/proc/thread-self/environ"),
        "task_environment": lambda at: (
            "PATH=" in read(f"/proc/self/task/{threading.get_native_id()}/environ")
        ),
        "numbered_environment": lambda at: "PATH=" in read(f"/proc/{os.getpid()}/environ"),
        "parent_environment": lambda at: "PATH=" in read(f"/proc/{os.getppid()}/environ"),
        "own_memory": lambda at: close(os.open("/proc/self/mem", os.O_RDWR)),
        "own_memory_to_read": lambda at: close(os.open("/proc/self/mem", os.O_RDONLY)),
        "own_name": lambda at: write("/proc/self/comm"),
        "resolver": lambda at: close(os.open("/etc/resolv.conf", os.O_WRONLY)),
        "stream": lambda at: _closed(pointer("fopen", "/etc/resolv.conf", "r,+")),
        "stream_again": lambda at: _closed(
            pointer("freopen", None, "r+", pointer("fopen", "/etc/resolv.conf", "r"))
        ),
        "machine_id": lambda at: read("/etc/machine-id") and None,
        "through_readable": lambda at: read("/proc/self/root" + at.secret),
        "through_own_folder": lambda at: read("/proc/self/cwd" + "/.." * 20 + at.secret),
    }


def _closed(stream):
    return library().fclose(stream)


def _opened(path):
    return os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), path


def _gone(opened):
    os.close(opened[0])
    os.unlink(opened[1])
    return json.dumps("made")
