"""Writing a policy file: afresh, or onto a file that a user has written, whose comments stay.

It makes text and never touches the disk; what it makes is read again and compared before it is
given out.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from defender.errors import PolicyError
from defender.policy.file import parse
from defender.policy.model import EVERYTHING, SECTIONS, Collection, Kind, Policy, Rule

SCHEMA_NAME = "defender.schema.json"
_HEAD = f"#:schema ./{SCHEMA_NAME}\n"
_WIDEST = 100
Plain = dict[str, Any]


def rendered(policy: Policy, onto: str | None = None) -> str:
    """The policy as TOML; with `onto`, that text with its values changed and its comments kept.

    PolicyError if `onto` is no TOML, or if the policy can't be said in TOML.
    """
    text = _afresh(policy) if onto is None else _changed(policy, onto)
    if parse(text.encode(), "the new policy").checked() != policy:
        raise PolicyError("the policy can't be written as TOML without changing what it means")
    return text


def plain(rule: Rule, *, listed: bool = False) -> Plain:
    """A rule as plain tables, defaults left out; `listed` writes a single collection as a list too."""
    found: Plain = {"name": rule.name}
    if rule.notes:
        found["notes"] = rule.notes
    if rule.disabled:
        found["disabled"] = True
    if listed or len(rule.collections) != 1:
        found["collections"] = [_selection(collection) for collection in rule.collections]
    else:
        found.update(_selection(rule.collections[0]))
    for name in SECTIONS:
        section = getattr(rule, name)
        if section != type(section)():
            found[name] = {"effect": str(section.effect), **_table(section)}
    return found


def _selection(collection: Collection) -> Plain:
    """Functions always, so that a rule shows for what it is; the rest where it restricts."""
    found = {"functions": list(collection.functions)}
    for selector in ("regions", "accounts"):
        patterns = getattr(collection, selector)
        if patterns != getattr(EVERYTHING, selector):
            found[selector] = list(patterns)
    return found


def _table(section: Any) -> Plain:
    found: Plain = {}
    for field in fields(section):
        kind, value = field.metadata["kind"], getattr(section, field.name)
        if kind is Kind.TABLE:
            value = _table(value)
        elif kind is Kind.PORTS:
            value = [ports.first if ports.first == ports.last else str(ports) for ports in value]
        elif kind is not Kind.FLAG:
            value = [] if kind is Kind.EFFECT else list(value)
        if value:
            found[field.name] = value
    return found


def _afresh(policy: Policy) -> str:
    lines = [_HEAD]
    for rule in policy.rules:
        lines += ["", "[[rule]]", *_lines("rule", plain(rule))]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _lines(name: str, table: Plain) -> Iterator[str]:
    """Values first, tables after them, as TOML wants it."""
    for key, value in table.items():
        if not _is_table(value):
            yield f"{key} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ("", f"[{name}.{key}]", *_lines(f"{name}.{key}", value))
        elif _is_table(value):
            for item in value:
                yield from ("", f"[[{name}.{key}]]", *_lines(f"{name}.{key}", item))


def _is_table(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict)
    return isinstance(value, dict)


def _value(value: object) -> str:
    if isinstance(value, list):
        items = [_value(item) for item in value]
        line = f"[{', '.join(items)}]"
        return line if len(line) < _WIDEST else "[\n" + "".join(f"    {item},\n" for item in items) + "]"
    # JSON's strings, numbers and booleans are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _changed(policy: Policy, onto: str) -> str:
    """`onto` with each rule's values set; tables of rules are kept by name, in the policy's order."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(onto)
        old = document.get("rule", [])
        unused = list(old)
        wanted = [_rule_table(rule, _taken(unused, rule.name)) for rule in policy.rules]
        _arrange(document, old, wanted)
        for key in [key for key in document if key != "rule"]:
            del document[key]
        return _line_ends(document.as_string(), onto)
    except TOMLKitError as error:
        hint = "mend it, or take it away to have a new one written"
        raise PolicyError(f"the file can't be changed: {error}", hint=hint) from error


def _line_ends(text: str, onto: str) -> str:
    """`text` with the line ends of `onto`, where those are all of Windows."""
    if "\r\n" not in onto or onto.count("\r\n") != onto.count("\n"):
        return text
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _arrange(document: Any, old: Any, wanted: list[Any]) -> None:
    """Make `wanted` the tables of rules; a new array, which costs white space, only where it must be."""
    import tomlkit

    if not wanted:
        document.pop("rule", None)
        return
    if not old or any(map(operator.is_not, wanted, old)) or len(wanted) < len(old):
        document["rule"] = tomlkit.aot()
        old = []
    for table in wanted[len(old) :]:
        document["rule"].append(table)


def _taken(tables: list[Any], name: str) -> Any:
    """The first table of that name, taken out of the list, so that no two rules get the same."""
    found = next((index for index, table in enumerate(tables) if table.get("name") == name), None)
    return None if found is None else tables.pop(found)


def _rule_table(rule: Rule, table: Any) -> Any:
    if table is None:
        found = _item(plain(rule))
        found.trivia.indent = "\n"  # an empty line before it
        return found
    _set(table, plain(rule, listed="collections" in table))
    return table


def _set(table: Any, wanted: Plain) -> None:
    """Make `table` say what `wanted` says, touching only what differs."""
    for key in [key for key in table if key not in wanted and not _says_nothing(table[key])]:
        del table[key]
    for key, value in wanted.items():
        old = table.get(key)
        if old == value or (old is None and _says_nothing(value)):
            continue
        if isinstance(value, dict) and isinstance(old, dict):
            _set(table[key], value)
        elif isinstance(value, list) and isinstance(old, list) and not _is_table(value):
            _set_list(table, key, value)
        else:
            table[key] = _item(value)


def _says_nothing(value: Any) -> bool:
    """Whether a value is a default written out, so that it can stay."""
    if isinstance(value, dict):
        return all(item == "disable" or _says_nothing(item) for item in value.values())
    return value in ([], False, ["*"])


def _set_list(table: Any, key: str, wanted: list[Any]) -> None:
    array = table[key]
    for index in reversed(range(len(array))):
        if array[index] not in wanted:
            del array[index]
    for item in wanted:
        if item not in array:
            array.append(item)
    if array != wanted:
        table[key] = wanted


def _item(value: Any) -> Any:
    import tomlkit

    if isinstance(value, dict):
        found = tomlkit.table()
        for key, item in value.items():
            found.add(key, _item(item))
        return found
    if _is_table(value):
        array = tomlkit.aot()
        for item in value:
            array.append(_item(item))
        return array
    return value
