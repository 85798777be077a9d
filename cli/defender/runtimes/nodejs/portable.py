"""The agent's files that are not JavaScript, as a module: what a bundler makes of a project then holds them too.

Whether a folder will be bundled can't always be told, so every folder gets it; an archive is deployed as it is.
"""

from __future__ import annotations

import posixpath
from base64 import b64encode
from collections.abc import Iterable

from defender.archive import AddRaw
from defender.plan import AddFile
from defender.resources import template

_LIBRARY = "libdefender-"


def module(folder: str, bundle: Iterable[AddRaw], policies: Iterable[AddFile]) -> AddFile:
    """`native.js` for the agent's folder: the bundle's libraries, as they are compressed there, and policies."""
    packed = {posixpath.basename(raw.name): raw.data for raw in bundle}
    packed = {name: data for name, data in packed.items() if name.startswith(_LIBRARY)}
    packed |= {
        posixpath.basename(one.path): _deflated(one.data)
        for one in policies
        if posixpath.dirname(one.path) == folder
    }
    lines = [f"exports['{name}'] = '{b64encode(packed[name]).decode()}';" for name in sorted(packed)]
    why = "a bundler leaves the native library out: then it is taken from here"
    text = template("nodejs", "native.js.j2", files="\n".join(lines))
    return AddFile(posixpath.join(folder, "native.js"), text.encode(), "nodejs.native", why)


def _deflated(data: bytes) -> bytes:
    import deflate  # As in archive/compression.py: zlib differs between machines.

    return bytes(deflate.deflate_compress(data, 9))
