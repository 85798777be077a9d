"""Shared by the unit tests: archives that exist in memory only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True)
class MemoryMember:
    """A member's size, which is all that reading infrastructure-as-code asks for."""

    size: int


@dataclass
class MemoryArchive:
    """Files by name; `reads` records which were read."""

    files: Mapping[str, bytes]
    reads: list[str] = field(default_factory=list)

    @property
    def members(self) -> Mapping[str, MemoryMember]:
        return {name: MemoryMember(len(data)) for name, data in self.files.items()}

    def read(self, name: str) -> bytes:
        self.reads.append(name)
        return self.files[name]


@pytest.fixture
def archive_of() -> Callable[[Mapping[str, str | bytes]], MemoryArchive]:
    """A function that makes an archive of texts or bytes by name."""

    def make(files: Mapping[str, str | bytes]) -> MemoryArchive:
        return MemoryArchive(
            {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
        )

    return make
