"""Compiles the native core for every target and packs the bundles that `defender embed` injects.

Used by the package's build hook and by the tests. The outcome depends on the sources, the pinned compiler and the flags
alone: same inputs, same bytes, whatever the folder or the machine.

    python agent/build.py --out DIR        the libraries, for looking at them
    python agent/build.py --miners         the C table of miners, on stdout
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

AGENT = Path(__file__).resolve().parent
CORE = AGENT / "core"
_JAVA = "com/twistlock/serverless"
# Each family's shim, where it and the libraries go in a package, and the kinds of handlers that it can wrap. Java's is
# compiled: a test compares what is there with what its sources give.
SHIMS = {
    "python": (AGENT / "python" / "twistlock", "twistlock", ("sync", "async", "generator", "callable")),
    "ruby": (AGENT / "ruby" / "twistlock", "twistlock", ("sync", "callable")),
    "nodejs": (AGENT / "nodejs" / "twistlock", "twistlock", ("sync", "async", "callable", "bundled")),
    "java": (AGENT / "java" / "classes" / _JAVA, _JAVA, ("redirected",)),
}
# glibc 2.17 is that of Amazon Linux 2's oldest runtimes' base (CentOS 7): what it has, all later ones have.
TARGETS = {"x86_64": "x86_64-linux-gnu.2.17", "aarch64": "aarch64-linux-gnu.2.17"}
FLAGS = [
    "-std=gnu11",
    "-Os",  # small enough to travel in every package; what it judges is dominated by system calls
    "-g0",
    "-s",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-fno-ident",
    "-fstack-protector-strong",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,-z,nodelete",  # Node.js unloads libraries that do not register themselves, and would crash on its return
    "-Wl,-z,defs",
    "-Wl,-z,now",
    "-Wl,-z,relro",
    "-Wl,--build-id=none",
]
# 1 January 1980 as ZIP writes it.
_DATE = 1 << 5 | 1


def miners(text: str) -> str:
    """The C table of `data/miners.txt`: patterns in lower case, with a wildcard where the rule has one."""
    shapes = {"name": "{}", "name-prefix": "{}*", "name-suffix": "*{}", "argument": "{}"}
    rules = [
        line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")
    ]
    tables = {"names": "", "arguments": ""}
    for kind, word in rules:
        table = "arguments" if kind == "argument" else "names"
        tables[table] += f'    "{shapes[kind].format(word.strip().lower())}",\n'
    return "".join(
        f"static const char *const tw_miner_{name}[] = {{\n{rows}}};\n" for name, rows in tables.items()
    )


def version() -> str:
    """The version in the command line's package, which is also the core's."""
    text = (AGENT.parent / "cli" / "defender" / "__init__.py").read_text("utf-8")
    return text.split('__version__ = "')[1].split('"')[0]


def build(out: Path) -> list[Path]:
    """Compile `libdefender-linux-<machine>` for each target into `out`, unless what is there is up to date.

    Raises subprocess.CalledProcessError when the compiler refuses a source.
    """
    out.mkdir(parents=True, exist_ok=True)
    stamp = out / "core.sha256"
    digest = _inputs()
    # Without the usual ending: `sam build` leaves *.so out of what it copies, and many ignore files do.
    libraries = [out / f"libdefender-linux-{machine}" for machine in TARGETS]
    if stamp.is_file() and stamp.read_text("ascii") == digest and all(path.is_file() for path in libraries):
        return libraries
    stamp.unlink(missing_ok=True)
    # Beside the result, so that a library appears whole: others may be loading the one before.
    with tempfile.TemporaryDirectory(prefix="build-", dir=out) as folder:
        generated = Path(folder)
        (generated / "miners.inc").write_text(
            miners((CORE / "data" / "miners.txt").read_text("utf-8")), "utf-8"
        )
        for library, target in zip(libraries, TARGETS.values(), strict=True):
            _compile(generated / library.name, target, generated)
            (generated / library.name).replace(library)
    stamp.write_text(digest, "ascii")
    return libraries


def _inputs() -> str:
    """A hash of all that the libraries are made from."""
    files = [*sorted(CORE.glob("src/*")), *sorted(CORE.glob("include/*")), CORE / "data" / "miners.txt"]
    state = hashlib.sha256(json.dumps([FLAGS, TARGETS, version(), _compiler()]).encode())
    for path in files:
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()


def _compiler() -> str:
    from importlib.metadata import version as installed

    return installed("ziglang")


def _compile(library: Path, target: str, generated: Path) -> None:
    cache = AGENT.parent / "build" / "zig"
    command = [
        *(sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS),
        *(f"-I{CORE / 'include'}", f"-I{generated}", f'-DTW_VERSION="{version()}"'),
        *(f"-ffile-prefix-map={CORE}=core", f"-ffile-prefix-map={generated}=generated"),
        *map(str, sorted(CORE.glob("src/*.c"))),
        *("-o", str(library)),
    ]
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    subprocess.run(command, check=True, env=environment)


def bundles(out: Path, release: str) -> None:
    """Write `<out>/<family>.zip` for each runtime: the shim, the libraries and what the bundle can do."""
    libraries = build(AGENT.parent / "build" / "core")
    out.mkdir(parents=True, exist_ok=True)
    for family, (shim, place, shapes) in SHIMS.items():
        # The settings are written at embed.
        own = [path for path in shim.iterdir() if path.is_file() and not path.stem.startswith("_settings")]
        members = {f"{place}/{path.name}": path.read_bytes() for path in (*own, *libraries)}
        members["twistlock/bundle.json"] = _description(family, shapes, release)
        # A project's own rule for *.so would keep the core out of version control and of built packages.
        members["twistlock/.gitignore"] = b"!*\n"
        _pack(out / f"{family}.zip", {name: members[name] for name in sorted(members)})


def _description(family: str, shapes: tuple[str, ...], release: str) -> bytes:
    description = {
        "name": "defender",
        "version": release,
        "families": [family],
        "shapes": list(shapes),
        "architectures": list(TARGETS),
        "libc": ["glibc"],
    }
    return json.dumps(description, indent=2).encode() + b"\n"


def _pack(path: Path, members: dict[str, bytes]) -> None:
    """A ZIP whose members are compressed by libdeflate, so that embedding can copy them as they are.

    Written by hand: zipfile compresses by itself, and its zlib differs between machines.
    """
    import deflate

    records = directory = b""
    for name, data in members.items():
        compressed = bytes(deflate.deflate_compress(data, 12))
        raw = name.encode("ascii")
        # APPNOTE 4.3.7 and 4.3.12: version 2.0, no flags, deflate, the date, checksum, sizes, length of the name.
        common = struct.pack("<5H3I", 20, 0, 8, 0, _DATE, zlib.crc32(data), len(compressed), len(data))
        common += struct.pack("<2H", len(raw), 0)
        directory += b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + common
        directory += struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, len(records)) + raw
        records += b"PK\3\4" + common + raw + compressed
    count = len(members)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), len(records), 0)
    whole = path.with_name(f"{path.name}.{os.getpid()}")
    whole.write_bytes(records + directory + end)
    whole.replace(path)


def main() -> None:
    """Compile into the folder that is named, or print the table of miners for the tests' own compiler."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--miners", action="store_true")
    given = parser.parse_args()
    if given.miners:
        print(miners((CORE / "data" / "miners.txt").read_text("utf-8")), end="")
    for library in build(given.out) if given.out else []:
        print(library, library.stat().st_size)


if __name__ == "__main__":
    main()
