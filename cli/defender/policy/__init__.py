"""The policy: its model, the file that holds it, which rule is for which function, and the TW_POLICY
string.

Importing this package costs little: TOML, IP addresses and the original's format are loaded when
they are used.
"""

from defender.policy.codec import (
    LIMIT_BYTES,
    VARIABLE,
    WARN_BYTES,
    Decoded,
    Packaged,
    content,
    decode,
    decode_content,
    disabled,
    encode,
    environment_size,
    fits,
    packaged,
)
from defender.policy.default import default_policy
from defender.policy.file import FILE_NAME, find, load
from defender.policy.matching import Match, Miss, match, with_effect
from defender.policy.model import (
    PROVIDERS,
    SECTIONS,
    Collection,
    Dns,
    Effect,
    Filesystem,
    Identity,
    Listening,
    Network,
    Outbound,
    Policy,
    Ports,
    Processes,
    Provider,
    Rule,
)

__all__ = [
    "FILE_NAME",
    "LIMIT_BYTES",
    "PROVIDERS",
    "SECTIONS",
    "VARIABLE",
    "WARN_BYTES",
    "Collection",
    "Decoded",
    "Dns",
    "Effect",
    "Filesystem",
    "Identity",
    "Listening",
    "Match",
    "Miss",
    "Network",
    "Outbound",
    "Packaged",
    "Policy",
    "Ports",
    "Processes",
    "Provider",
    "Rule",
    "content",
    "decode",
    "decode_content",
    "default_policy",
    "disabled",
    "encode",
    "environment_size",
    "find",
    "fits",
    "load",
    "match",
    "packaged",
    "with_effect",
]
