"""What is deployed from a build's output: the project that it is built from."""

from __future__ import annotations

import posixpath

from defender.iac.folders import Tree

# Where build tools put what they make, and the files that say that it is theirs.
_OUTPUTS = {"target": ("pom.xml",), "build": ("build.gradle", "build.gradle.kts")}


def built_from(tree: Tree, path: str) -> str | None:
    """The folder of the project whose build makes `path`, a file or folder that need not be there yet; else None."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        folder = "/".join(parts[:index])
        if any(tree.has_file(posixpath.join(folder, name)) for name in _OUTPUTS.get(part, ())):
            return folder
    return None
