"""Python's own library where it reaches for files, names or programs."""

import ctypes
import ctypes.util
import decimal
import email.message
import email.policy
import getpass
import grp
import hashlib
import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import inspect
import linecache
import locale
import mimetypes
import os
import platform
import pwd
import random
import secrets
import ssl
import subprocess
import sys
import time
import uuid
import zipfile
import zipimport
import zoneinfo

from doings import doing


@doing
def messages():
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "Grüße"
    message.set_content("text")
    message.add_attachment(b"data", maintype="application", subtype="octet-stream", filename="a.bin")
    return len([part.get_content_type() for part in message.walk()])


@doing
def types_of_files():
    mimetypes.init()
    return [mimetypes.guess_type(name) for name in ("a.html", "a.tar.gz", "a.woff2", "a.docx")]


@doing
def unique_numbers():
    return [uuid.uuid1().version, uuid.uuid3(uuid.NAMESPACE_DNS, "x").hex, uuid.uuid4().version]


@doing
def random_numbers():
    random.seed(5)
    system = random.SystemRandom().random()
    lengths = [len(secrets.token_hex(8)), len(os.urandom(9)), len(os.getrandom(3))]
    return random.random(), 0 <= system < 1, lengths


@doing
def exact_numbers():
    with decimal.localcontext(decimal.Context(prec=50)):
        return str(decimal.Decimal(2).sqrt())


@doing
def digests():
    with open(__file__, "rb") as file:
        whole = hashlib.file_digest(file, "sha256").hexdigest()
    return whole, hashlib.new("md5", b"x").hexdigest(), hashlib.blake2b(b"x").hexdigest()


@doing
def default_certificates():
    context = ssl.create_default_context()
    return context.cert_store_stats(), ssl.get_default_verify_paths()._asdict()


@doing
def zones():
    when = zoneinfo.ZoneInfo("America/New_York")
    zoneinfo.ZoneInfo.clear_cache()
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    name = time.tzname
    os.environ["TZ"] = ":UTC"
    time.tzset()
    return str(when), name, "Europe/Vienna" in zoneinfo.available_timezones()


@doing
def locales():
    before = locale.setlocale(locale.LC_ALL)
    found = [locale.setlocale(locale.LC_ALL, "C.UTF-8"), locale.getlocale(), locale.localeconv()]
    locale.setlocale(locale.LC_ALL, before)
    return found


@doing
def users():
    return getpass.getuser(), pwd.getpwuid(0).pw_dir, grp.getgrgid(0).gr_name, os.path.expanduser("~")


@doing
def platforms():
    found = [platform.system(), platform.release(), platform.python_version(), platform.libc_ver()]
    release = platform.freedesktop_os_release()["ID"]
    return [*found, release, os.uname().machine, os.cpu_count()]


@doing
def platform_by_program():
    """It starts uname, and makes do without."""
    return platform.platform(), platform.machine()


@doing
def own_files():
    """A function's own folder: its code, read by itself, and imported by name, by path and out of an archive."""
    with open(__file__) as file:
        first = file.readline()
    folder = os.path.dirname(__file__)
    specification = importlib.util.spec_from_file_location("by_path", os.path.join(folder, "doings.py"))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    listed = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    line = linecache.getline(__file__, 1)
    return first, module.NAME, listed[:2], len(inspect.getsource(own_files)) > 9, line


@doing
def imported_from_elsewhere():
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(f"{folder}/m.zip", "w") as archive:
            archive.writestr("inside_archive.py", "value = 5")
        with open(f"{folder}/in_folder.py", "w") as file:
            file.write("value = 6")
        sys.path[:0] = [folder, f"{folder}/m.zip"]
        try:
            import in_folder
            import inside_archive
        finally:
            del sys.path[:2]
        zipimport.zipimporter(f"{folder}/m.zip").get_source("inside_archive")
        return in_folder.value, inside_archive.value


@doing
def packages():
    names = {found.metadata["Name"].lower() for found in importlib.metadata.distributions()}
    text = importlib.resources.files("botocore").joinpath("cacert.pem").read_text()
    return importlib.metadata.version("boto3"), {"numpy", "requests"} <= names, text.count("BEGIN") > 9


@doing
def foreign_functions():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fopen.restype = ctypes.c_void_p
    stream = libc.fopen(b"/dev/null", b"a")
    libc.fclose(ctypes.c_void_p(stream))
    missing = libc.open(b"/tmp/no-such-file", os.O_RDONLY), ctypes.get_errno()
    maths = ctypes.CDLL("libm.so.6")
    maths.cos.restype = ctypes.c_double
    maths.cos.argtypes = [ctypes.c_double]
    return missing, maths.cos(0.0), libc.getpid() == os.getpid()


@doing
def missing_program():
    """Looking for a program is no start of one."""
    try:
        subprocess.run(["no-such-program-anywhere"])
    except FileNotFoundError as error:
        return type(error).__name__


@doing
def library_found_by_compiler():
    """It starts ldconfig, and a compiler or linker if there is one."""
    return ctypes.util.find_library("z"), ctypes.util.find_library("no-such-library")
