"""Handler settings in templates and services, changed to what a rewriting made of the handlers.

Only literal values are changed, and only where all functions that share one get the same. What is left has to be set
by hand, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from defender.iac.model import Declared, Readable
from defender.plan import Edit, Plan, Setting
from defender.runtimes.model import Detection, Function

if TYPE_CHECKING:
    from defender.edits.yaml import Document, Scalar

_Key = tuple[str, str]


def with_handlers(archive: Readable, found: Detection, declared: Declared, plan: Plan) -> Plan:
    """The plan with its settings made where the package declares them, if they are the handler's alone.

    A handler that needs a variable as well stays as it is: deployed without that, the function would fail.
    """
    wanted = {
        key: setting.after
        for setting in plan.settings
        if not setting.environment
        for key in _declarations(found, setting)
        if key is not None
    }
    if not wanted:
        return plan
    places = _changeable(_places(archive, declared), wanted)
    made = {place.key: f"{place.document.path}:{place.scalar.line}" for place in places}
    settings = []
    for setting in plan.settings:
        where = [None if key is None else made.get(key) for key in _declarations(found, setting)]
        is_made = not setting.environment and None not in where
        settings.append(replace(setting, made_in=tuple(filter(None, where))) if is_made else setting)
    return replace(plan, edits=(*plan.edits, *_edits(places, wanted)), settings=tuple(settings))


def _declarations(found: Detection, setting: Setting) -> list[_Key | None]:
    """Where the functions of a setting are declared; None for one that is known by its handler alone."""
    return [
        _key(function)
        for function in found.functions
        if (function.handler, function.task_root) == (setting.handler, setting.task_root)
    ]


def _key(function: Function) -> _Key | None:
    if function.source is None or function.logical_id is None:
        return None
    return function.source, function.logical_id


@dataclass(frozen=True, slots=True)
class _Place:
    """The value of one declared function's handler setting."""

    key: _Key
    document: Document
    scalar: Scalar

    @property
    def at(self) -> tuple[str, int]:
        return self.document.path, self.scalar.start


def _places(archive: Readable, declared: Declared) -> list[_Place]:
    """The handler settings of all functions that are declared, as far as they are literal."""
    # The parsers cost as much as all the rest, and few runs get here.
    from defender.iac.handler_places import Places

    found = []
    places = Places(archive, declared)
    for function in declared.functions:
        place = places.of(function)
        if place is not None:
            found.append(_Place((function.source, function.logical_id), *place))
    return found


def _changeable(places: list[_Place], wanted: Mapping[_Key, str]) -> list[_Place]:
    """The places whose functions all get the same handler."""
    sharing: dict[tuple[str, int], set[str | None]] = {}
    for place in places:
        sharing.setdefault(place.at, set()).add(wanted.get(place.key))
    return [place for place in places if place.key in wanted and len(sharing[place.at]) == 1]


def _edits(places: list[_Place], wanted: Mapping[_Key, str]) -> Iterator[Edit]:
    from defender.edits.yaml_value import proof_of_values, replace_value
    from defender.iac.documents import parse_for_edit

    by_file: dict[str, dict[int, _Place]] = {}
    for place in places:
        by_file.setdefault(place.document.path, {})[place.scalar.start] = place
    for path, mine in by_file.items():
        values = {start: wanted[place.key] for start, place in mine.items()}
        splices = [
            replace_value(place.document, place.scalar, values[start]) for start, place in mine.items()
        ]
        document = next(iter(mine.values())).document
        yield Edit(
            path,
            "iac.handler",
            "the platform has to call the handler that runs inside the agent",
            tuple(splice for splice in splices if splice is not None),
            proof_of_values(document, values, parse_for_edit),
        )
