"""TW_POLICY: its exact bytes, its sizes, the kill switch and the packaged form."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defender import policy as policies
from defender.errors import PolicyError
from defender.policy import Effect, Identity, Processes, Rule

IDENTITY = Identity("orders", "us-east-1")
RULE = policies.default_policy().rules[0]
DIGEST = "0123456789abcdef" * 4


def plain(string: str) -> str:
    return base64.b64decode(string, validate=True).decode()


def test_bytes_of_the_default() -> None:
    assert plain(policies.encode(IDENTITY, RULE)) == (
        '{"v":1,"id":{"function":"orders","region":"us-east-1","provider":"aws"},"console":null,'
        '"runtime":{"name":"default","processes":{"effect":"prevent","block_all":true,"crypto_miners":true}}}'
    )


def test_kill_switch_is_valid_and_disables() -> None:
    string = policies.disabled(IDENTITY)
    assert plain(string).endswith('"console":null,"runtime":null}')
    assert policies.decode(string).disabled
    assert not policies.decode(policies.encode(IDENTITY, RULE)).disabled


def test_rule_without_sections_is_disabled() -> None:
    assert policies.decode(policies.encode(IDENTITY, Rule(name="r"))).disabled


def test_region_any_is_written_as_none() -> None:
    assert policies.encode(Identity("f", "Any"), None) == policies.encode(Identity("f"), None)


def test_packaged() -> None:
    string = policies.packaged("policy.json", DIGEST)
    assert plain(string) == '{"v":1,"file":"policy.json","sha256":"' + DIGEST + '"}'
    found = policies.decode(string)
    assert found.packaged == policies.Packaged("policy.json", DIGEST)
    assert not found.disabled


@pytest.mark.parametrize("file", ["", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a\0", "a/"])
def test_packaged_stays_in_its_folder(file: str) -> None:
    with pytest.raises(PolicyError):
        policies.packaged(file, DIGEST)


def test_packaged_content_may_not_point_on() -> None:
    content = base64.b64decode(policies.packaged("policy.json", DIGEST))
    with pytest.raises(PolicyError, match="must hold the policy"):
        policies.decode_content(content)


def test_too_large_to_encode() -> None:
    rule = Rule(name="r", processes=Processes(effect=Effect.ALERT, deny=("x" * 70000,)))
    with pytest.raises(PolicyError, match="65536 are possible"):
        policies.encode(IDENTITY, rule)


def test_environment_is_measured_as_lambda_does() -> None:
    assert policies.environment_size({"A": 'x"y'}) == len('{"A":"x\\"y"}')
    room = policies.LIMIT_BYTES - len('{"TW_POLICY":""}')
    assert policies.fits("x" * room)
    assert not policies.fits("x" * (room + 1))
    others = {"STAGE": "prod"}
    less = room - len('"STAGE":"prod",')
    assert policies.fits("x" * less, others)
    assert not policies.fits("x" * (less + 1), others)
    assert policies.fits("x" * room, {"TW_POLICY": "the old one"})


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_more(data: bytes) -> None:
    for string in (base64.b64encode(data).decode(), data.decode("latin-1")):
        with pytest.raises(PolicyError):
            policies.decode(string)


def test_a_megabyte_of_noise() -> None:
    noise = random.Random(1).randbytes(1024 * 1024)
    with pytest.raises(PolicyError, match="over 65536 bytes"):
        policies.decode(base64.b64encode(noise).decode())


@given(st.data())
def test_a_damaged_string_is_refused_or_means_something_else(data: st.DataObject) -> None:
    good = policies.encode(IDENTITY, RULE)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.sampled_from("AZaz09+/=")) + good[at + 1 :]
    try:
        found = policies.decode(bad)
    except PolicyError:
        return
    assert (found == policies.decode(good)) is (bad == good) or _ignored(bad)


def _ignored(string: str) -> bool:
    """Whether what differs is the name of a key, which made it an unknown one."""
    return set(json.loads(plain(string))) != {"v", "id", "console", "runtime"} or "default" in plain(string)


@given(st.integers(0, 240))
def test_a_cut_string_is_refused(length: int) -> None:
    good = policies.encode(IDENTITY, RULE)
    with pytest.raises(PolicyError):
        policies.decode(good[: min(length, len(good) - 1)])
