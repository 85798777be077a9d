"""Shared by the unit tests: archives that exist in memory only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from defender.archive.model import Kind, Member


@dataclass
class MemoryArchive:
    """Files by name, and symbolic links that nobody may read; `reads` records what was read."""

    files: Mapping[str, bytes]
    links: tuple[str, ...] = ()
    reads: list[str] = field(default_factory=list)
    source: Path = Path("memory")
    is_folder: bool = False

    @property
    def members(self) -> Mapping[str, Member]:
        links = {name: Member(name, Kind.SYMLINK, 0o777, 1) for name in self.links}
        files = {name: Member(name, Kind.FILE, 0o644, len(data)) for name, data in self.files.items()}
        return {**files, **links}

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
