"""The outer layers of TW_POLICY: padded standard base64 around strict JSON.

Stricter than the json module, exactly as strict as the core: no repeated key in what is read, no
NaN, no lone surrogate, 32 levels, 64 KiB. What the document means is `codec`'s matter.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from defender.errors import PolicyError
from defender.policy.reading import Repeated

LARGEST_DOCUMENT = 64 * 1024  # bytes
DEEPEST = 32
_ENCODED = -(-LARGEST_DOCUMENT // 3) * 4


class BigNumber:
    """Stands for a number that is no small integer: valid JSON, and nowhere a valid value."""


def unwrap(string: str) -> dict[str, Any]:
    """The JSON object in a TW_POLICY string; PolicyError says which layer is bad."""
    if len(string) > _ENCODED:
        raise PolicyError(f"TW_POLICY is over {LARGEST_DOCUMENT} bytes when decoded")
    try:
        data = base64.b64decode(string.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise PolicyError("TW_POLICY is not base64", hint="was it cut off when copied?") from None
    if base64.b64encode(data).decode("ascii") != string:
        raise PolicyError("TW_POLICY is not base64 as it is usually written: bits or padding differ")
    return parse(data)


def wrap(document: object) -> str:
    """The TW_POLICY string of a document; PolicyError if the document is too large."""
    return base64.b64encode(compact(document)).decode("ascii")


def compact(document: object) -> bytes:
    """UTF-8 JSON without spaces, keys in the order given; PolicyError over `LARGEST_DOCUMENT`."""
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > LARGEST_DOCUMENT:
        raise PolicyError(f"the rule takes {len(data)} bytes, {LARGEST_DOCUMENT} are possible")
    return data


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`; PolicyError if it is anything else."""
    if len(data) > LARGEST_DOCUMENT:
        raise PolicyError(f"TW_POLICY is over {LARGEST_DOCUMENT} bytes when decoded")
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=lambda _: BigNumber(),
            parse_constant=_constant,
        )
        _check(found, 1)
    except UnicodeDecodeError:
        raise PolicyError("TW_POLICY is not UTF-8") from None
    except RecursionError:
        raise PolicyError("TW_POLICY is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise PolicyError(f"TW_POLICY is no JSON: {error.msg} at byte {error.pos}") from None
    if not isinstance(found, dict):
        raise PolicyError("TW_POLICY is no JSON object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = Repeated(found)
    seen: set[str] = set()
    repeated.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return repeated


def _integer(digits: str) -> int | BigNumber:
    return int(digits) if len(digits) < 10 else BigNumber()


def _constant(name: str) -> None:
    raise PolicyError(f"TW_POLICY is no JSON: {name} is no JSON number")


def _check(value: object, depth: int) -> None:
    """Refuse lone surrogates and too many levels anywhere, also below unknown keys."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise PolicyError("TW_POLICY has a lone surrogate in a string")
    elif isinstance(value, dict | list):
        if depth > DEEPEST:
            raise PolicyError("TW_POLICY is nested too deeply")
        for item in value:
            _check(item, depth + 1)
        if isinstance(value, dict):
            for item in value.values():
                _check(item, depth + 1)
