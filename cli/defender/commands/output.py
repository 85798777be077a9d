"""Where outputs go: default names, and the clashes that must be found before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from defender.archive import Target
from defender.commands import option
from defender.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])


def write_options(command: _Command) -> _Command:
    """The options that say where and how an output is written."""
    for decorate in (
        option("--durable", is_flag=True, help="Sync the output to the disk before returning."),
        option("--force", is_flag=True, help="Replace an output that exists."),
        option("--in-place", is_flag=True, help="Replace the input itself."),
        option("-o", "--output", type=click.Path(path_type=Path), help="The output, for a single input."),
    ):
        command = decorate(command)
    return command


def targets(
    inputs: Sequence[Path],
    output: Path | None,
    *,
    suffix: str,
    in_place: bool,
    force: bool,
    durable: bool,
    as_zip: bool = False,
) -> list[Target]:
    """One target for each input; raises UsageError for options that contradict each other or clash."""
    if output is not None and in_place:
        raise UsageError("--output and --in-place exclude each other")
    if output is not None and len(inputs) > 1:
        raise UsageError(f"--output is for one input, and there are {len(inputs)}")
    if as_zip and in_place:
        raise UsageError("--zip and --in-place exclude each other")
    paths = [source if in_place else output or default(source, suffix, as_zip) for source in inputs]
    seen: dict[str, Path] = {}
    real = {os.path.realpath(source): source for source in inputs}
    for source, path in zip(inputs, paths, strict=True):
        place = os.path.realpath(path)
        other = seen.setdefault(place, source)
        if other is not source:
            raise UsageError(f"{other} and {source} would both be written to {path}")
        if place in real and real[place] != source:
            raise UsageError(f"the output of {source} would be {path}, which is an input too")
    return [
        Target(path=path, force=force, in_place=in_place, durable=durable, as_zip=as_zip) for path in paths
    ]


def default(source: Path, suffix: str, as_zip: bool = False) -> Path:
    """`<stem>.<suffix>.zip` or `<name>.<suffix>` beside the input."""
    source = source.absolute() if source.name in ("", "..") else source
    if os.path.isdir(source):  # noqa: PTH112 - unlike Path.is_dir, it takes a folder that can't be entered
        name = source.resolve().name
        return source.resolve().parent / f"{name}.{suffix}{'.zip' if as_zip else ''}"
    return source.with_name(f"{source.stem}.{suffix}{source.suffix or '.zip'}")
