"""The original's policy in JSON, read into ours: `defender policy import`.

What functions do not have (labels that are no regions, flags of containers) is left out with a
warning. What would be wrong in either is a PolicyError with its place in the JSON. `exporting` is
the way back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from defender.errors import PolicyError
from defender.policy import model, values
from defender.policy.problems import Place, dotted
from defender.policy.reading import FILE, read_effect, read_flag, read_list, read_text

# Keys that say nothing about what a rule does.
_BOOKKEEPING = frozenset(
    {
        "_id",
        "modified",
        "owner",
        "previousName",
        "learningDisabled",
        "description",
        "color",
        "system",
        "prisma",
    }
)
_SECTION_KEYS = {
    "processes": ("effect", "blockAllBinaries", "checkCryptoMiners", "whitelist", "blacklist"),
    "network": (
        "effect",
        "whitelistIPs",
        "blacklistIPs",
        "whitelistListeningPorts",
        "blacklistListeningPorts",
        "whitelistOutboundPorts",
        "blacklistOutboundPorts",
    ),
    "dns": ("effect", "whitelist", "blacklist"),
    "filesystem": ("effect", "whitelist", "blacklist"),
}
_RULE_KEYS = ("name", "notes", "disabled", "collections", *_SECTION_KEYS)
_REGION = "region:"


@dataclass(frozen=True, slots=True)
class Imported:
    """A policy, and what of the original it does not carry."""

    policy: model.Policy
    warnings: tuple[str, ...]


def import_policy(data: bytes, path: str) -> Imported:
    """The policy in the original's JSON: `{"rules": [...]}`, a list of rules, or one rule."""
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise PolicyError(
            f"no valid JSON: {error.msg}", path=path, line=error.lineno, column=error.colno
        ) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PolicyError(f"no valid JSON: {error}", path=path) from None
    return _Reader(path).policy(raw)


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.warnings: list[str] = []

    def report(self, place: Place, message: str, *, hint: str | None = None, on_key: bool = False) -> None:
        del on_key
        raise PolicyError(f"{dotted(place)}: {message}", path=self.path, hint=hint)

    def warn(self, place: Place, message: str) -> None:
        self.warnings.append(f"{dotted(place)}: {message}")

    def policy(self, raw: object) -> Imported:
        place: Place = ("rules",)
        if isinstance(raw, dict) and "rules" in raw:
            self.left_out(raw, ("rules",), ())
            raw = raw["rules"] if raw["rules"] is not None else []
        elif isinstance(raw, dict) and "name" in raw:
            raw = [raw]
        if not isinstance(raw, list):
            raise PolicyError('this is no policy: {"rules": [...]} or a list of rules', path=self.path)
        rules = tuple(self.rule(rule, (*place, index)) for index, rule in enumerate(raw))
        return Imported(model.Policy(rules), tuple(self.warnings))

    def left_out(self, table: Mapping[str, Any], known: Collection[str], place: Place) -> None:
        """Warn about every key that is not known and says something."""
        for key, value in table.items():
            says = value not in (None, False, "", [], {}, "disable", ["*"])
            if key not in known and key not in _BOOKKEEPING and says:
                self.warn((*place, key), "left out: functions do not have it")

    def table(self, raw: object, place: Place) -> Mapping[str, Any]:
        if not isinstance(raw, dict):
            self.report(place, f"must be an object, not {values.described(raw)}")
            return {}
        return raw

    def rule(self, raw: object, place: Place) -> model.Rule:
        table = self.table(raw, place)
        self.left_out(table, _RULE_KEYS, place)
        name = read_text(table.get("name"), (*place, "name"), self.report)
        if not name:
            self.report((*place, "name"), "a rule needs a name")
        notes = table.get("notes") or ""
        if not isinstance(notes, str) or not _encodable(notes):
            self.report((*place, "notes"), "must be a string")
        return model.Rule(
            name=name,
            notes=notes,
            disabled=read_flag(table.get("disabled", False), (*place, "disabled"), self.report),
            collections=self.collections(table.get("collections"), (*place, "collections")),
            processes=self.processes(*self.section(table, "processes", place)),
            network=self.network(*self.section(table, "network", place)),
            dns=self.dns(*self.section(table, "dns", place)),
            filesystem=self.filesystem(*self.section(table, "filesystem", place)),
        )

    def section(self, table: Mapping[str, Any], name: str, place: Place) -> tuple[Mapping[str, Any], Place]:
        at = (*place, name)
        raw = table.get(name)
        section = {"effect": "disable"} if raw is None else self.table(raw, at)
        self.left_out(section, _SECTION_KEYS[name], at)
        if "effect" not in section:
            self.report(at, "effect is missing")
        return section, at

    def effect(self, table: Mapping[str, Any], place: Place) -> model.Effect:
        return read_effect(table["effect"], (*place, "effect"), FILE, self.report)

    def flag(self, table: Mapping[str, Any], key: str, place: Place) -> bool:
        return read_flag(table.get(key, False), (*place, key), self.report)

    def entries(
        self, table: Mapping[str, Any], key: str, place: Place, convert: Callable[[object], object]
    ) -> tuple[Any, ...]:
        raw = table.get(key)
        return read_list([] if raw is None else raw, convert, (*place, key), self.report)

    def processes(self, table: Mapping[str, Any], place: Place) -> model.Processes:
        block_all = self.flag(table, "blockAllBinaries", place)
        allow = self.entries(table, "whitelist", place, values.entry)
        if block_all and allow:
            self.warn((*place, "whitelist"), f"left out, blockAllBinaries wins over it: {', '.join(allow)}")
            allow = ()
        return model.Processes(
            effect=self.effect(table, place),
            block_all=block_all,
            crypto_miners=self.flag(table, "checkCryptoMiners", place),
            allow=allow,
            deny=self.entries(table, "blacklist", place, values.entry),
        )

    def network(self, table: Mapping[str, Any], place: Place) -> model.Network:
        outbound_allow, outbound_deny = self.ports(table, "OutboundPorts", place)
        listening_allow, listening_deny = self.ports(table, "ListeningPorts", place)
        outbound = model.Outbound(
            allow_ips=self.entries(table, "whitelistIPs", place, values.address),
            deny_ips=self.entries(table, "blacklistIPs", place, values.address),
            allow_ports=outbound_allow,
            deny_ports=outbound_deny,
        )
        return model.Network(
            self.effect(table, place), outbound, model.Listening(listening_allow, listening_deny)
        )

    def ports(
        self, table: Mapping[str, Any], key: str, place: Place
    ) -> tuple[tuple[model.Ports, ...], tuple[model.Ports, ...]]:
        """Allowed and denied ports; an entry of an allow list may say that it is denied."""
        listed = self.entries(table, f"whitelist{key}", place, _port_entry)
        denied = self.entries(table, f"blacklist{key}", place, _port_entry)
        turned = tuple(ports for ports, deny in listed if deny)
        for ports in turned:
            self.warn(
                (*place, f"whitelist{key}"), f"{ports} is marked as denied and was put among the denied"
            )
        allow = tuple(ports for ports, deny in listed if not deny)
        return allow, (*(ports for ports, _ in denied), *turned)

    def dns(self, table: Mapping[str, Any], place: Place) -> model.Dns:
        allow, deny = (self.entries(table, key, place, values.name) for key in ("whitelist", "blacklist"))
        return model.Dns(self.effect(table, place), allow, deny)

    def filesystem(self, table: Mapping[str, Any], place: Place) -> model.Filesystem:
        allow, deny = (self.paths(table, key, place) for key in ("whitelist", "blacklist"))
        return model.Filesystem(self.effect(table, place), allow, deny)

    def paths(self, table: Mapping[str, Any], key: str, place: Place) -> tuple[str, ...]:
        found = []
        for path in self.entries(table, key, place, values.path):
            if path.endswith("/*"):
                self.warn((*place, key), f"{path} became {path[:-2] or '/'}: a path covers all below it")
            found.append((path[:-2] or "/") if path.endswith("/*") else path)
        return tuple(found)

    def collections(self, raw: object, place: Place) -> tuple[model.Collection, ...]:
        if not raw:
            self.warn(place, "there are none: the rule is for all functions")
            return (model.EVERYTHING,)
        if not isinstance(raw, list):
            self.report(place, f"must be a list, not {values.described(raw)}")
            return ()
        return tuple(self.collection(item, (*place, index)) for index, item in enumerate(raw))

    def collection(self, raw: object, place: Place) -> model.Collection:
        table = self.table(raw, place)
        self.left_out(table, ("name", "functions", "labels", "accountIDs"), place)
        return model.Collection(
            functions=self.selector(table, "functions", place),
            regions=self.regions(table, place),
            accounts=self.selector(table, "accountIDs", place),
        )

    def selector(self, table: Mapping[str, Any], key: str, place: Place) -> tuple[str, ...]:
        found = self.entries(table, key, place, values.pattern)
        if not found and key == "functions":
            self.warn((*place, key), "there are none: taken as all")
        return found or ("*",)

    def regions(self, table: Mapping[str, Any], place: Place) -> tuple[str, ...]:
        found: list[str] = []
        for label, region in self.entries(table, "labels", place, _label):
            if region is None:
                self.warn((*place, "labels"), f"{label} left out: only labels region:... are known here")
            else:
                found.append(region)
        return tuple(found) or ("*",)


def _label(raw: object) -> tuple[str, str | None]:
    """A label and its region pattern; None for a tag."""
    label = values.pattern(raw)
    sign, body = ("-", label[1:]) if label.startswith("-") else ("", label)
    if body == "*":
        return label, label
    if not body.lower().startswith(_REGION):
        return label, None
    region = body[len(_REGION) :]
    return label, values.pattern(region if region.startswith("-") and sign else sign + region)


def _port_entry(raw: object) -> tuple[model.Ports, bool]:
    if not isinstance(raw, dict):
        raise TypeError(f"must be an object with start and end, not {values.described(raw)}")
    pair = values.port_pair([raw.get("start"), raw.get("end", raw.get("start"))])
    return pair, raw.get("deny") is True


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
