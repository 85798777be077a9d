"""Writes the TW_POLICY vectors in `tw_policy/`, which the Python and the C decoder both read in
their tests.

The strings are written out here by hand, byte for byte, and never come from a codec under test.
It does not write `patterns.json` and `processes.json`: those are edited directly.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ID = '"id":{"function":"orders","region":"us-east-1","provider":"aws"}'
NOBODY = '"id":{"function":null,"region":null,"provider":"aws"}'
HEAD = '{"v":1,' + ID + ',"console":null,'
DENY_ALL = '{"name":"orders","processes":{"effect":"prevent","block_all":true,"crypto_miners":true}}'
LIMIT = 64 * 1024
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def runtime(rule: str) -> str:
    """The document with `rule` as its runtime rule."""
    return HEAD + '"runtime":' + rule + "}"


def section(text: str) -> str:
    """The document whose rule has the sections in `text`."""
    return runtime('{"name":"r",' + text + "}")


def processes(text: str) -> str:
    """The document whose rule has `text` in a preventing processes section."""
    return section('"processes":{"effect":"prevent",' + text + "}")


def padded(size: int) -> str:
    """A valid document of exactly `size` bytes."""
    start, end = runtime(DENY_ALL)[:-1] + ',"x":"', '"}'
    return start + "a" * (size - len(start) - len(end)) + end


PACKAGED = '{"v":1,"file":"policy.json","sha256":"' + DIGEST + '"}'
NETWORK = (
    '"network":{"effect":"alert","outbound":{"allow_ips":["10.0.0.0/8","2001:db8::/32"],"deny_ips":["10.1.2.3"],'
    '"allow_ports":[[443,443],[8000,8100]],"deny_ports":[[25,25]]},'
    '"listening":{"allow_ports":[[8080,8080]],"deny_ports":[[1,1023]]}}'
)
DNS = '"dns":{"effect":"prevent","allow":["*.amazonaws.com"],"deny":["*.example"]}'
FILESYSTEM = '"filesystem":{"effect":"alert","allow":["/tmp/out"],"deny":["/tmp"]}'

# Canonical strings: the document is the string itself.
CANONICAL = {
    "default-rule": runtime(DENY_ALL),
    "no-rule": runtime("null"),
    "no-identity": '{"v":1,' + NOBODY + ',"console":null,"runtime":null}',
    "azure": '{"v":1,"id":{"function":"Orders","region":"westeurope","provider":"azure"},'
    '"console":null,"runtime":null}',
    "console": '{"v":1,' + ID + ',"console":"console.example.com","runtime":null}',
    "rule-without-sections": runtime('{"name":"nothing"}'),
    "effect-alert": section('"processes":{"effect":"alert","block_all":true}'),
    "effect-block": section('"processes":{"effect":"block","block_all":true}'),
    "effect-prevent": section('"processes":{"effect":"prevent","block_all":true}'),
    "processes-empty": section('"processes":{"effect":"prevent"}'),
    "processes-miners-only": processes('"crypto_miners":true'),
    "processes-allow-deny": processes('"allow":["/usr/bin/ls","git*"],"deny":["curl","*/nc","*wget*"]'),
    "all-sections": section(
        '"processes":{"effect":"prevent","block_all":true,"crypto_miners":true,"deny":["curl"]},'
        + NETWORK
        + ","
        + DNS
        + ","
        + FILESYSTEM
    ),
    "network-only": section(NETWORK),
    "network-empty": section('"network":{"effect":"block"}'),
    "dns-only": section(DNS),
    "filesystem-only": section(FILESYSTEM),
    "unicode-name": runtime('{"name":"Bestellungen \u00fc\u4e2d\U0001f600","processes":{"effect":"alert"}}'),
    "quoted-name": runtime('{"name":"a \\"b\\" \\\\ c","processes":{"effect":"alert"}}'),
    "packaged": PACKAGED,
    "packaged-folder": PACKAGED.replace("policy.json", "policies/orders.json"),
}

# Accepted, but not what we write: (the string, the canonical string that means the same).
ACCEPTED = {
    "whitespace": (
        " " + runtime(DENY_ALL).replace(",", " ,\r\n\t").replace(":", " : ") + "\n",
        runtime(DENY_ALL),
    ),
    "other-key-order": (
        '{"runtime":'
        + DENY_ALL
        + ',"console":null,"id":{"provider":"aws","region":"us-east-1","function":"orders"},"v":1}',
        runtime(DENY_ALL),
    ),
    "defaults-written-out": (
        section(
            '"processes":{"effect":"prevent","block_all":false,"crypto_miners":false,"allow":[],"deny":[]},'
            '"network":{"effect":"alert","outbound":{"allow_ips":[],"deny_ips":[],"allow_ports":[],"deny_ports":[]},'
            '"listening":{"allow_ports":[],"deny_ports":[]}},"dns":{"effect":"alert","allow":[],"deny":[]},'
            '"filesystem":{"effect":"alert","allow":[],"deny":[]}'
        ),
        section(
            '"processes":{"effect":"prevent"},"network":{"effect":"alert"},"dns":{"effect":"alert"},'
            '"filesystem":{"effect":"alert"}'
        ),
    ),
    "console-left-out": ('{"v":1,' + ID + ',"runtime":null}', runtime("null")),
    "identity-left-out": (
        '{"v":1,"id":{"provider":"aws"},"runtime":null}',
        '{"v":1,"id":{"function":null,"region":null,"provider":"aws"},"console":null,"runtime":null}',
    ),
    "unknown-keys": (
        '{"x":[1.5,-2e+10,true,false,null,{"a":{}}],"v":1,"id":{"function":"orders","y":"z","region":"us-east-1","provider":"aws"},'
        '"console":null,"waas":{"v":2},"runtime":{"name":"r","later":{"effect":"never"},"processes":{"effect":"prevent","w":[[]],'
        '"block_all":true}}}',
        processes('"block_all":true'),
    ),
    "unknown-key-repeats-inside": (
        runtime(DENY_ALL)[:-1] + ',"x":{"a":1,"a":2}}',
        runtime(DENY_ALL),
    ),
    "unknown-keys-many": (
        runtime(DENY_ALL)[:-1] + "".join(f',"a-key-of-a-later-version-{i}":{i}' for i in range(300)) + "}",
        runtime(DENY_ALL),
    ),
    "unknown-keys-alike-up-to-nul": (
        runtime(DENY_ALL)[:-1] + ',"x":1,"x\\u0000a":2,"x\\u0000b":3}',
        runtime(DENY_ALL),
    ),
    "unknown-key-long-number": (
        runtime(DENY_ALL)[:-1] + ',"x":' + "9" * 5000 + "}",
        runtime(DENY_ALL),
    ),
    "escapes": (
        runtime(
            '{"name":"\\u0061\\/\\"\\\\\\u00fc\\ud83d\\ude00","processes":{"effect":"pre\\u0076ent","block_all":true}}'
        ),
        runtime('{"name":"a/\\"\\\\\u00fc\U0001f600","processes":{"effect":"prevent","block_all":true}}'),
    ),
    "escaped-key": (
        runtime(DENY_ALL).replace('"block_all"', '"block\\u005fall"'),
        runtime(DENY_ALL),
    ),
    "block-all-with-allow": (
        processes('"block_all":true,"allow":["ls"]'),
        processes('"block_all":true,"allow":["ls"]'),
    ),
    "largest": (padded(LIMIT), runtime(DENY_ALL)),
    "nesting-32": (runtime("null")[:-1] + ',"x":' + "[" * 31 + "]" * 31 + "}", runtime("null")),
    "packaged-unknown-key": (PACKAGED[:-1] + ',"x":1}', PACKAGED),
}

# Refused: (the decoded bytes, the reason).
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "not-json": ("hello", "not JSON"),
    "empty-document": (" ", "not JSON"),
    "truncated-document": (runtime(DENY_ALL)[:-20], "not JSON"),
    "trailing-data": (runtime("null") + "{}", "trailing data"),
    "trailing-nul": (runtime("null") + "\0", "trailing data"),
    "trailing-comma": (runtime("null")[:-1] + ",}", "not JSON"),
    "single-quotes": (runtime("null").replace('"', "'"), "not JSON"),
    "comment": (runtime("null") + "/**/", "trailing data"),
    "byte-order-mark": ("\ufeff" + runtime("null"), "not JSON"),
    "utf-16": (runtime("null").encode("utf-16"), "not UTF-8"),
    "bad-utf-8": (runtime("null").encode().replace(b"orders", b"\xff\xfe"), "not UTF-8"),
    "overlong-utf-8": (runtime("null").encode().replace(b"orders", b"\xc0\xaf"), "not UTF-8"),
    "surrogate-in-utf-8": (
        runtime("null").encode().replace(b"orders", b"\xed\xa0\x80"),
        "not UTF-8",
    ),
    "lone-surrogate": (runtime("null").replace("orders", "\\ud800"), "lone surrogate"),
    "swapped-surrogates": (runtime("null").replace("orders", "\\ude00\\ud83d"), "lone surrogate"),
    "control-character": (
        runtime("null").replace("orders", "a\nb"),
        "control character in a string",
    ),
    "bad-escape": (runtime("null").replace("orders", "\\x41"), "not JSON"),
    "not-a-number": (runtime("null")[:-1] + ',"x":NaN}', "not JSON"),
    "infinity": (runtime("null")[:-1] + ',"x":-Infinity}', "not JSON"),
    "leading-zero": (runtime("null")[:-1] + ',"x":01}', "not JSON"),
    "top-level-list": ("[]", "not an object"),
    "top-level-null": ("null", "not an object"),
    "nesting-33": (runtime("null")[:-1] + ',"x":' + "[" * 32 + "]" * 32 + "}", "nested too deeply"),
    "nesting-bomb": (runtime("null")[:-1] + ',"x":' + "[" * 60000, "nested too deeply"),
    "unknown-key-broken": (runtime("null")[:-1] + ',"x":[1,}', "not JSON"),
    "no-version": ("{" + ID + ',"console":null,"runtime":null}', "v is missing"),
    "version-2": (runtime(DENY_ALL).replace('"v":1', '"v":2'), "unknown version"),
    "version-0": (runtime(DENY_ALL).replace('"v":1', '"v":0'), "unknown version"),
    "version-float": (runtime(DENY_ALL).replace('"v":1', '"v":1.0'), "v has the wrong type"),
    "version-string": (runtime(DENY_ALL).replace('"v":1', '"v":"1"'), "v has the wrong type"),
    "version-true": (runtime(DENY_ALL).replace('"v":1', '"v":true'), "v has the wrong type"),
    "version-huge": (
        runtime(DENY_ALL).replace('"v":1', '"v":18446744073709551617'),
        "unknown version",
    ),
    "no-id": ('{"v":1,"console":null,"runtime":null}', "id is missing"),
    "id-null": ('{"v":1,"id":null,"console":null,"runtime":null}', "id has the wrong type"),
    "no-provider": ('{"v":1,"id":{"function":"f"},"runtime":null}', "id.provider is missing"),
    "unknown-provider": (runtime("null").replace("aws", "gcp"), "unknown provider"),
    "function-number": (runtime("null").replace('"orders"', "7"), "id.function has the wrong type"),
    "region-list": (runtime("null").replace('"us-east-1"', "[]"), "id.region has the wrong type"),
    "console-number": (
        runtime("null").replace('"console":null', '"console":1'),
        "console has the wrong type",
    ),
    "no-runtime": ('{"v":1,' + ID + ',"console":null}', "runtime is missing"),
    "runtime-false": (runtime("false"), "runtime has the wrong type"),
    "runtime-list": (runtime("[" + DENY_ALL + "]"), "runtime has the wrong type"),
    "no-rule-name": (runtime('{"processes":{"effect":"prevent"}}'), "runtime.name is missing"),
    "rule-name-null": (runtime('{"name":null}'), "runtime.name has the wrong type"),
    "processes-null": (section('"processes":null'), "runtime.processes has the wrong type"),
    "no-effect": (section('"processes":{"block_all":true}'), "effect is missing"),
    "effect-disable": (section('"processes":{"effect":"disable"}'), "unknown effect"),
    "effect-upper-case": (section('"processes":{"effect":"Prevent"}'), "unknown effect"),
    "effect-true": (section('"processes":{"effect":true}'), "effect has the wrong type"),
    "effect-nul": (section('"processes":{"effect":"alert\\u0000x"}'), "unknown effect"),
    "block-all-number": (processes('"block_all":1'), "block_all has the wrong type"),
    "block-all-string": (processes('"block_all":"true"'), "block_all has the wrong type"),
    "miners-null": (processes('"crypto_miners":null'), "crypto_miners has the wrong type"),
    "allow-string": (processes('"allow":"ls"'), "allow has the wrong type"),
    "allow-null": (processes('"allow":null'), "allow has the wrong type"),
    "allow-numbers": (processes('"allow":["ls",1]'), "allow has the wrong type"),
    "deny-nested": (processes('"deny":[["curl"]]'), "deny has the wrong type"),
    "pattern-empty": (processes('"deny":[""]'), "empty pattern"),
    "pattern-nul": (processes('"deny":["a\\u0000b"]'), "control character in a pattern"),
    "pattern-newline": (processes('"deny":["a\\nb"]'), "control character in a pattern"),
    "duplicate-v": ('{"v":1,' + runtime("null")[1:], "duplicate key v"),
    "duplicate-runtime": (runtime(DENY_ALL)[:-1] + ',"runtime":null}', "duplicate key runtime"),
    "duplicate-escaped": (
        runtime(DENY_ALL)[:-1] + ',"runtim\\u0065":null}',
        "duplicate key runtime",
    ),
    "duplicate-effect": (
        section('"processes":{"effect":"alert","effect":"prevent"}'),
        "duplicate key effect",
    ),
    "duplicate-unknown": (runtime(DENY_ALL)[:-1] + ',"x":1,"x":2}', "duplicate key x"),
    "duplicate-in-id": (
        runtime("null").replace('"region"', '"function":"g","region"'),
        "duplicate key function",
    ),
    "network-effect": (section('"network":{"effect":"deny"}'), "unknown effect"),
    "network-outbound-list": (
        section('"network":{"effect":"alert","outbound":[]}'),
        "outbound has the wrong type",
    ),
    "network-port-number": (
        section('"network":{"effect":"alert","outbound":{"allow_ports":[443]}}'),
        "allow_ports has the wrong type",
    ),
    "network-port-three": (
        section('"network":{"effect":"alert","outbound":{"allow_ports":[[1,2,3]]}}'),
        "allow_ports has the wrong type",
    ),
    "network-port-zero": (
        section('"network":{"effect":"alert","outbound":{"deny_ports":[[0,80]]}}'),
        "port out of range",
    ),
    "network-port-high": (
        section('"network":{"effect":"alert","listening":{"deny_ports":[[80,65536]]}}'),
        "port out of range",
    ),
    "network-port-reversed": (
        section('"network":{"effect":"alert","listening":{"allow_ports":[[90,80]]}}'),
        "port range is reversed",
    ),
    "network-port-float": (
        section('"network":{"effect":"alert","listening":{"allow_ports":[[80.0,80.5]]}}'),
        "allow_ports has the wrong type",
    ),
    "network-ip-name": (
        section('"network":{"effect":"alert","outbound":{"deny_ips":["example.com"]}}'),
        "not an address",
    ),
    "network-ip-prefix": (
        section('"network":{"effect":"alert","outbound":{"deny_ips":["10.0.0.0/33"]}}'),
        "not an address",
    ),
    "dns-allow-object": (
        section('"dns":{"effect":"alert","allow":{}}'),
        "allow has the wrong type",
    ),
    "dns-two-final-dots": (
        section('"dns":{"effect":"alert","allow":["example.com.."]}'),
        "without one dot it still ends in one, and no name asked for does",
    ),
    "filesystem-space-before-slash": (
        section('"filesystem":{"effect":"alert","deny":["/tmp/a /."]}'),
        "without what adds nothing it ends in a space",
    ),
    "filesystem-relative": (
        section('"filesystem":{"effect":"alert","deny":["tmp"]}'),
        "not an absolute path",
    ),
    "too-large": (padded(LIMIT + 1), "over 65536 bytes"),
    "packaged-no-hash": ('{"v":1,"file":"policy.json"}', "sha256 is missing"),
    "packaged-short-hash": ('{"v":1,"file":"policy.json","sha256":"9f86"}', "not a SHA-256"),
    "packaged-upper-case-hash": (PACKAGED.replace(DIGEST, DIGEST.upper()), "not a SHA-256"),
    "packaged-hash-null": (
        '{"v":1,"file":"policy.json","sha256":null}',
        "sha256 has the wrong type",
    ),
    "packaged-file-number": (
        '{"v":1,"file":1,"sha256":"' + DIGEST + '"}',
        "file has the wrong type",
    ),
    "packaged-no-file": ('{"v":1,"sha256":"' + DIGEST + '"}', "file is missing"),
    "packaged-empty": (PACKAGED.replace("policy.json", ""), "file leaves the folder"),
    "packaged-absolute": (
        PACKAGED.replace("policy.json", "/tmp/policy.json"),
        "file leaves the folder",
    ),
    "packaged-parent": (
        PACKAGED.replace("policy.json", "../policy.json"),
        "file leaves the folder",
    ),
    "packaged-parent-inside": (
        PACKAGED.replace("policy.json", "a/../../policy.json"),
        "file leaves the folder",
    ),
    "packaged-parent-last": (PACKAGED.replace("policy.json", "a/.."), "file leaves the folder"),
    "packaged-escaped-parent": (
        PACKAGED.replace("policy.json", "\\u002e./policy.json"),
        "file leaves the folder",
    ),
    "packaged-backslash": (
        PACKAGED.replace("policy.json", "..\\\\policy.json"),
        "file leaves the folder",
    ),
    "packaged-nul": (
        PACKAGED.replace("policy.json", "policy.json\\u0000.txt"),
        "file leaves the folder",
    ),
    "packaged-and-runtime": (PACKAGED[:-1] + ',"runtime":null}', "both packaged and complete"),
}

GOOD = base64.b64encode(runtime(DENY_ALL).encode()).decode()
# Ends in padding, with `?` and `>` where they give `/` and `+`.
PADDED = base64.b64encode((runtime("null")[:-1] + ',"x":"???>>>~~~   "}').encode()).decode()

# Refused before there is a document: (the string itself, the reason).
REFUSED_BASE64 = {
    "base64-truncated": (GOOD[:41], "not base64"),
    "base64-no-padding": (PADDED.rstrip("="), "not base64"),
    "base64-too-much-padding": (GOOD + "====", "not base64"),
    "base64-inner-padding": (GOOD[:8] + "====" + GOOD[8:], "not base64"),
    "base64-only-padding": ("====", "not base64"),
    "base64-url-alphabet": (PADDED.replace("+", "-").replace("/", "_"), "not base64"),
    "base64-trailing-newline": (GOOD + "\n", "not base64"),
    "base64-inner-space": (GOOD[:8] + " " + GOOD[8:], "not base64"),
    "base64-quoted": ('"' + GOOD + '"', "not base64"),
    "base64-loose-bits": (PADDED.removesuffix("Q==") + "R==", "not base64"),
    "base64-not-ascii": ("\u00fc" * 4, "not base64"),
    "plain-json": (runtime(DENY_ALL), "not base64"),
    "path": ("/etc/policy", "not base64"),
}


def encoded(text: str | bytes) -> str:
    """Padded standard base64."""
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def cases() -> dict[str, dict[str, object]]:
    """Every vector by its path below `tw_policy/`."""
    found: dict[str, dict[str, object]] = {}
    for name, text in CANONICAL.items():
        found[f"valid/{name}.json"] = valid(name, text, text, canonical=True)
    for name, (text, meaning) in ACCEPTED.items():
        found[f"valid/{name}.json"] = valid(name, text, meaning, canonical=text == meaning)
    for name, (raw, reason) in REFUSED.items():
        found[f"invalid/{name}.json"] = {"name": name, "tw_policy": encoded(raw), "reason": reason}
    for name, (string, reason) in REFUSED_BASE64.items():
        found[f"invalid/{name}.json"] = {"name": name, "tw_policy": string, "reason": reason}
    return found


def valid(name: str, text: str, meaning: str, *, canonical: bool) -> dict[str, object]:
    """One valid vector."""
    return {
        "name": name,
        "tw_policy": encoded(text),
        "document": json.loads(meaning),
        "canonical": canonical,
    }


def rendered(case: dict[str, object]) -> str:
    """A vector as the text of its file: ASCII, two spaces, one final newline."""
    return json.dumps(case, indent=2) + "\n"


def main() -> int:
    """Write the files and take away those that no case makes any more."""
    wanted = cases()
    for old in (HERE / "tw_policy").glob("*/*.json"):
        if old.relative_to(HERE / "tw_policy").as_posix() not in wanted:
            old.unlink()
    for path, case in wanted.items():
        target = HERE / "tw_policy" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(rendered(case), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
