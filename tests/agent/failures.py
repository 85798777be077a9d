"""What can be wrong with a protected package so that the agent can't start; the same for every runtime.

Data alone: each runtime's tests take the rows as their argument `any_failure` (conftest.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defender.policy import packaged

_NOISE = random.Random(4).randbytes(1 << 20)
# The kernel's limit for one variable, with its name and the NUL byte: 128 KiB.
_LONGEST = (1 << 17) - len("TW_POLICY=") - 1
_OTHER = {"x86_64": "aarch64", "aarch64": "x86_64"}[platform.machine()]


def _library(root: Path, machine: str = platform.machine()) -> Path:
    return root / "twistlock" / f"libdefender-linux-{machine}"


def _take_out(root: Path) -> None:
    _library(root).unlink()
    (root / "twistlock" / "native.js").unlink(
        missing_ok=True
    )  # What is bundled of a Node.js project has it too.


def _cut(size: Callable[[int], int]) -> Callable[[Path], object]:
    def cut(root: Path) -> None:
        data = _library(root).read_bytes()
        _library(root).write_bytes(data[: size(len(data))])

    return cut


def _edited(policy: str, edit: Callable[[dict[str, Any]], Any]) -> str:
    document = json.loads(base64.b64decode(policy))
    edit(document)
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()


@dataclass(frozen=True)
class Failure:
    """What is wrong: a change of the folder or of TW_POLICY, and a word of the reason that is to be given."""

    name: str
    word: str
    folder: Callable[[Path], object] | None = None
    policy: Callable[[str], str | None] | None = None


def _baked(data: bytes) -> Callable[[Path], object]:
    return lambda root: (root / "twistlock" / "policy.json").write_bytes(data)


FAILURES = [
    Failure("library missing", "missing", folder=_take_out),
    Failure("library of noise", "libdefender", folder=lambda root: _library(root).write_bytes(_NOISE)),
    Failure("library cut in half", "damaged", folder=_cut(lambda size: size // 2)),
    Failure("library without its last byte", "damaged", folder=_cut(lambda size: size - 1)),
    Failure("library of its header", "damaged", folder=_cut(lambda size: 64)),
    Failure("library empty", "libdefender", folder=lambda root: _library(root).write_bytes(b"")),
    Failure(
        "library of another machine",
        "libdefender",
        folder=lambda root: _library(root, _OTHER).replace(_library(root)),
    ),
    Failure(
        "library is a folder",
        "libdefender",
        folder=lambda root: (_library(root).unlink(), _library(root).mkdir()),
    ),
    Failure("policy absent", "TW_POLICY", policy=lambda policy: None),
    Failure("policy empty", "TW_POLICY", policy=lambda policy: ""),
    Failure("policy truncated", "policy is invalid", policy=lambda policy: policy[: len(policy) // 2]),
    Failure(
        "policy truncated on four", "policy is invalid", policy=lambda policy: policy[: len(policy) // 8 * 4]
    ),
    Failure("policy not ended", "TW_POLICY", policy=lambda policy: policy[:-1]),
    Failure(
        "policy of a newer version", "version", policy=lambda text: _edited(text, lambda it: it.update(v=2))
    ),
    Failure(
        "policy of a wrong type",
        "wrong type",
        policy=lambda text: _edited(text, lambda it: it.update(runtime=3)),
    ),
    Failure("policy not base64", "TW_POLICY", policy=lambda policy: "{" + policy),
    Failure(
        "noise as long as a variable may be",
        "TW_POLICY",
        policy=lambda policy: base64.b64encode(_NOISE)[:_LONGEST].decode(),
    ),
    Failure(
        "a megabyte of noise in the package",
        "policy file",
        folder=_baked(_NOISE),
        policy=lambda policy: packaged("policy.json", hashlib.sha256(_NOISE).hexdigest()),
    ),
    Failure(
        "a megabyte of noise baked",
        "baked into the package",
        folder=_baked(_NOISE),
        policy=lambda policy: None,
    ),
    Failure(
        "packaged policy missing", "policy file", policy=lambda policy: packaged("policy.json", "0" * 64)
    ),
    Failure(
        "packaged policy changed",
        "SHA-256",
        folder=_baked(b'{"v":1}'),
        policy=lambda policy: packaged("policy.json", "0" * 64),
    ),
]
