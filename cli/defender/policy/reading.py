"""Reading tables into the dataclasses of the model, for the policy file and for TW_POLICY alike.

The two differ only in what a `Form` says. Problems go to a `Report`: the file collects them all,
TW_POLICY raises at the first. No text is parsed here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Protocol, TypeVar

from defender.policy import values
from defender.policy.model import Effect, Kind
from defender.policy.problems import Place

T = TypeVar("T")


class Report(Protocol):
    """Takes a problem at a place; `on_key` points at the key instead of its value."""

    def __call__(
        self, place: Place, message: str, *, hint: str | None = None, on_key: bool = False
    ) -> None: ...


class Repeated(dict[str, Any]):
    """A JSON object in which a key occurred twice."""

    key: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How one notation differs from the other."""

    strict_keys: bool
    effects: tuple[Effect, ...]
    ports: Callable[[object], object]


FILE = Form(strict_keys=True, effects=tuple(Effect), ports=values.ports)
WIRE = Form(
    strict_keys=False,
    effects=(Effect.ALERT, Effect.PREVENT, Effect.BLOCK),
    ports=values.port_pair,
)


def read_table(cls: type[T], raw: object, place: Place, form: Form, report: Report) -> T:
    """The dataclass that a section's table describes; keys that are left out keep their default."""
    table = as_table(raw, place, report)
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    if form.strict_keys:
        refuse_unknown(table, known, place, report)
    if table is not None and "effect" in known and "effect" not in table:
        hint = f"write one of {', '.join(form.effects)}"
        report(place, "effect is missing", hint=hint, on_key=True)
    found = {
        name: _value(field, table[name], (*place, name), form, report)
        for name, field in known.items()
        if table is not None and name in table
    }
    return cls(**found)


def as_table(raw: object, place: Place, report: Report) -> Mapping[str, object] | None:
    """`raw` if it is a table without a repeated key, else None and a report."""
    if isinstance(raw, Repeated):
        report((*place, raw.key), f"the key {raw.key} is there twice")
    if isinstance(raw, dict):
        return raw
    report(place, f"{_last(place)} must be a table, not {values.described(raw)}")
    return None


def refuse_unknown(
    table: Mapping[str, object] | None, known: Collection[str], place: Place, report: Report
) -> None:
    """Report every key that is not known, with the nearest known one."""
    for key in table or ():
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}?" if near else f"known keys: {', '.join(known)}"
            report((*place, key), f"unknown key {key}", hint=hint, on_key=True)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that is most like `word`, if one is like it at all."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower().replace("-", "_"), known, n=1)
    return found[0] if found else None


def read_list(
    raw: object, convert: Callable[[object], object], place: Place, report: Report
) -> tuple[Any, ...]:
    """The entries of a list that can be read; the others are reported."""
    if not isinstance(raw, list):
        report(place, f"{_last(place)} must be a list, not {values.described(raw)}")
        return ()
    found = []
    for index, item in enumerate(raw):
        try:
            found.append(convert(item))
        except (TypeError, ValueError) as error:
            report((*place, index), f"{_last(place)}: {error}")
    return tuple(found)


def read_text(raw: object, place: Place, report: Report) -> str:
    """A string, or an empty one and a report."""
    try:
        return values.text(raw)
    except (TypeError, ValueError) as error:
        report(place, f"{_last(place)}: {error}")
        return ""


def read_flag(raw: object, place: Place, report: Report) -> bool:
    """True or false, nothing that merely looks like it."""
    if not isinstance(raw, bool):
        report(place, f"{_last(place)} must be true or false, not {values.described(raw)}")
    return raw is True


def read_effect(raw: object, place: Place, form: Form, report: Report) -> Effect:
    """One of the effects that the notation knows."""
    if isinstance(raw, str) and raw in form.effects:
        return Effect(raw)
    shown = repr(raw) if isinstance(raw, str) else values.described(raw)
    near = nearest(raw, form.effects) if isinstance(raw, str) else None
    hint = f"did you mean {near}?" if near else None
    report(place, f"effect must be one of {', '.join(form.effects)}, not {shown}", hint=hint)
    return Effect.DISABLE


def _value(field: Field[Any], raw: object, place: Place, form: Form, report: Report) -> object:
    kind = field.metadata["kind"]
    if kind is Kind.FLAG:
        return read_flag(raw, place, report)
    if kind is Kind.EFFECT:
        return read_effect(raw, place, form, report)
    if kind is Kind.TABLE:
        return read_table(field.metadata["table"], raw, place, form, report)
    convert = form.ports if kind is Kind.PORTS else values.ENTRIES[kind]
    return read_list(raw, convert, place, report)


def _last(place: Place) -> str:
    names = [part for part in place if isinstance(part, str)]
    return names[-1] if names else "the document"
