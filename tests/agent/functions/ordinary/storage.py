"""Files: every kind of temporary file, logs, archives, databases, and what the system lets everybody read."""

import dbm.dumb
import fcntl
import gzip
import logging
import logging.handlers
import lzma
import mmap
import os
import pathlib
import shelve
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import zipfile

from doings import doing, raised


@doing
def temporary_files():
    found = []
    for make in (tempfile.TemporaryFile, tempfile.NamedTemporaryFile, tempfile.SpooledTemporaryFile):
        with make(mode="w+") as file:
            file.write("text")
            file.seek(0)
            found.append(file.read())
    with tempfile.SpooledTemporaryFile(10) as file:
        file.write(b"x" * 100)
        file.seek(0)
        found.append(len(file.read()))
    with tempfile.NamedTemporaryFile(prefix="a", suffix=".b", delete=False) as file:
        name = file.name
    found.append(stat.filemode(os.stat(name).st_mode))
    os.unlink(name)
    with tempfile.TemporaryDirectory() as folder:
        descriptor, path = tempfile.mkstemp(dir=folder)
        os.close(descriptor)
        found += [os.path.dirname(path) == folder, len(os.listdir(tempfile.mkdtemp(dir=folder)))]
    return [*found, tempfile.gettempdir(), os.path.exists(name)]


@doing
def logs():
    with tempfile.TemporaryDirectory() as folder:
        for number, handler in enumerate(
            (
                logging.FileHandler(f"{folder}/0"),
                logging.handlers.RotatingFileHandler(f"{folder}/1", maxBytes=200, backupCount=2),
                logging.handlers.TimedRotatingFileHandler(f"{folder}/2", when="H", utc=True),
                logging.handlers.WatchedFileHandler(f"{folder}/3", delay=True),
            )
        ):
            logger = logging.getLogger(f"ordinary.{number}")
            logger.propagate = False
            logger.addHandler(handler)
            for line in range(20):
                logger.warning("line %d", line)
            logger.removeHandler(handler)
            handler.close()
        return sorted((entry.name, entry.stat().st_size) for entry in os.scandir(folder))


@doing
def paths():
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "a" / "b").mkdir(parents=True)
        file = folder / "a" / "file.txt"
        file.write_text("one\ntwo\n", encoding="utf-8")
        (folder / "link").symlink_to(file)
        (folder / "hard").hardlink_to(file)
        (folder / "link").resolve(strict=True)
        file.chmod(0o600)
        file.rename(folder / "a" / "new.txt").replace(folder / "new.txt")
        (folder / "touched").touch()
        (folder / "link").unlink()
        found += sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        found += [(folder / "hard").read_bytes().decode(), (folder / "a" / ".." / "new.txt").read_text()]
        (folder / "a" / "b").rmdir()
        found.append(sorted(os.listdir(folder)))
    return found


@doing
def system_calls():
    """The calls beneath, with folders' descriptors, without names, and with several links."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.mkdir("sub", dir_fd=place)
        file = os.open("sub/file", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640, dir_fd=place)
        found += [os.write(file, b"0123456789"), os.pread(file, 3, 2).decode()]
        os.ftruncate(file, 5)
        os.truncate(f"{folder}/sub/file", 4)
        os.link("sub/file", "hard", src_dir_fd=place, dst_dir_fd=place)
        os.symlink("hard", "soft", dir_fd=place)
        os.rename("soft", "softer", src_dir_fd=place, dst_dir_fd=place)
        found += [os.readlink("softer", dir_fd=place), os.stat("hard", dir_fd=place).st_nlink]
        os.utime("hard", (1, 2), dir_fd=place)
        os.chmod("hard", 0o400, dir_fd=place)
        os.chown(f"{folder}/hard", -1, -1)
        os.mkfifo(f"{folder}/pipe")
        with os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR), "w+") as unnamed:
            unnamed.write("x")
        with open(f"{folder}/copy", "wb") as copy:
            found.append(os.sendfile(copy.fileno(), file, 0, 10))
            found.append(os.copy_file_range(file, copy.fileno(), 10, 0))
        found.append(sorted(os.listdir(place)))
        found.append(sorted(names for _, _, names, _ in os.fwalk(folder)))
        found.append(os.readlink(f"/proc/self/fd/{place}") == folder)
        os.unlink("sub/file", dir_fd=place)
        os.rmdir("sub", dir_fd=place)
        os.close(file)
        os.close(place)
    return found


@doing
def relative_paths():
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            os.makedirs("a/b")
            with open("a/b/../file", "w") as file:
                file.write("x")
            os.rename("a/file", "./file")
            return os.listdir("."), os.path.realpath("a/b") == os.path.realpath(f"{folder}/a/b")
        finally:
            os.chdir(before)


@doing
def errors_of_the_kernel():
    """A file that can't be opened says why as ever."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink("loop", f"{folder}/loop")
        os.mkdir(f"{folder}/full")
        with open(f"{folder}/full/file", "x"):
            pass
        return [
            raised(open, f"{folder}/missing"),
            raised(open, f"{folder}/missing/below", "w"),
            raised(open, folder),
            raised(open, folder, "w"),
            raised(open, f"{folder}/loop"),
            raised(open, f"{folder}/full/file/below"),
            raised(open, f"{folder}/full/file", "x"),
            raised(open, f"{folder}/{'n' * 300}"),
            raised(open, f"{folder}/{'p/' * 3000}x", "w"),
            raised(open, "", "w"),
            raised(open, 1000000),
            raised(os.mkdir, f"{folder}/full"),
            raised(os.rmdir, f"{folder}/full"),
            raised(os.unlink, f"{folder}/missing"),
            raised(os.rename, f"{folder}/missing", f"{folder}/new"),
            raised(os.listdir, f"{folder}/missing"),
            raised(os.symlink, "x", f"{folder}/full"),
            raised(os.truncate, f"{folder}/missing", 0),
        ]


@doing
def shutil_calls():
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "source")
        (source / "deep").mkdir(parents=True)
        (source / "deep" / "file").write_text("x" * 1000)
        shutil.copytree(source, f"{folder}/copy")
        shutil.copy2(source / "deep" / "file", f"{folder}/file")
        shutil.move(f"{folder}/file", f"{folder}/copy/moved")
        for kind in ("zip", "tar", "gztar", "bztar", "xztar"):
            made = shutil.make_archive(f"{folder}/archive", kind, source)
            shutil.unpack_archive(made, f"{folder}/out-{kind}")
        shutil.rmtree(source)
        found = sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*"))
        return found, shutil.disk_usage(folder).total > 0, shutil.which("no-such-program")


@doing
def archives():
    found = []
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(f"{folder}/a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("one.py", "value = 5")
            archive.write(__file__, "two")
        with zipfile.ZipFile(f"{folder}/a.zip") as archive:
            found += [*archive.namelist(), archive.testzip()]
            archive.extractall(f"{folder}/out")
        with tarfile.open(f"{folder}/a.tgz", "w:gz") as archive:
            archive.add(f"{folder}/out", "out")
        with tarfile.open(f"{folder}/a.tgz") as archive:
            found += sorted(archive.getnames())
        for module in (gzip, lzma):
            with module.open(f"{folder}/compressed", "wb") as file:
                file.write(b"x" * 1000)
            with module.open(f"{folder}/compressed") as file:
                found.append(len(file.read()))
    return found


@doing
def mapped_and_locked():
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8192))
        file.flush()
        with mmap.mmap(file.fileno(), 8192) as mapping:
            mapping[4096] = 7
        with open(file.name, "r+b", buffering=0) as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(other, fcntl.LOCK_EX)
            return other.read()[4096]


@doing
def sqlite3_of_all_kinds():
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for mode in ("delete", "truncate", "persist", "memory", "wal", "off"):
            connection = sqlite3.connect(f"{folder}/{mode}.sqlite")
            connection.execute(f"pragma journal_mode={mode}")
            with connection:
                connection.execute("create table t (n integer, s text)")
                rows = [(n, "s" * n) for n in range(500)]
                connection.executemany("insert into t values (?, ?)", rows)
            connection.execute("create temp table u as select * from t order by s")
            other = sqlite3.connect(f"{folder}/{mode}.copy")
            connection.backup(other)
            found += other.execute("select sum(n), max(length(s)) from t").fetchall()
            connection.execute("attach ? as x", (f"{folder}/other-{mode}",))
            connection.execute("create table x.v (n)")
            connection.execute("vacuum main") if mode != "off" else None
            connection.close()
            other.close()
        found.append(len([name for name in os.listdir(folder) if name.endswith(".sqlite")]))
    return found


@doing
def small_databases():
    with tempfile.TemporaryDirectory() as folder:
        with dbm.dumb.open(f"{folder}/dumb", "c") as database:
            database["key"] = "value"
        with shelve.open(f"{folder}/shelf") as shelf:
            shelf["list"] = [1, 2]
        with shelve.open(f"{folder}/shelf") as shelf, dbm.dumb.open(f"{folder}/dumb") as database:
            return shelf["list"], database["key"].decode()


@doing
def files_of_the_system():
    """What everybody reads: the kernel's words, the users, the zones, random bytes, the list of types."""
    found = []
    for path in (
        "/proc/self/status",
        "/proc/self/maps",
        "/proc/self/cgroup",
        "/proc/self/mountinfo",
        "/proc/self/limits",
        "/proc/meminfo",
        "/proc/cpuinfo",
        "/proc/stat",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/sys/kernel/random/boot_id",
        "/proc/sys/kernel/osrelease",
        "/sys/devices/system/cpu/online",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/passwd",
        "/etc/group",
        "/etc/services",
        "/etc/localtime",
        "/etc/os-release",
        "/etc/mime.types",
        "/etc/ssl/openssl.cnf",
        "/usr/share/zoneinfo/Europe/Vienna",
        "/usr/lib/os-release",
        "/dev/null",
        "/dev/urandom",
    ):
        try:
            with open(path, "rb") as file:
                found.append((path, len(file.read(16)) > 0))
        except FileNotFoundError:
            found.append((path, None))
    with open("/dev/null", "w") as file:
        file.write("x")
    return [*found, sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/task")) > 0]
