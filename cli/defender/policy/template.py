"""The file that `defender policy new` writes: the default rule, with comments that explain it.

Text alone; a test holds it against the built-in policy.
"""

from __future__ import annotations

NEW_FILE = """\
#:schema ./defender.schema.json
# The policy of `defender embed`: the first rule that matches a function applies to it, the rest is
# not looked at. Check this file with `defender policy check`, ask it with `defender policy explain`.

[[rule]]
name = "default"
# Which functions the rule is for; "-pattern" leaves out, * is a wildcard at the start and the end:
#   functions = ["orders-*", "-orders-test"]
functions = ["*"]
regions = ["*"]
accounts = ["*"]            # counts on Azure only

# A section that is left out is switched off. Effects: disable; alert (audit only); prevent (audit,
# the call fails); block (audit, the call fails, and the runtime process ends).
[rule.processes]
effect = "prevent"
block_all = true            # every process but the main one, the runtime
crypto_miners = true
allow = []                  # instead of block_all: ["/usr/bin/git", "ffmpeg*"]
deny = []

# Three more sections. Each allows all until it denies something or its allow list has an entry.
#
# [rule.network]
# effect = "alert"
# [rule.network.outbound]
# allow_ips = ["10.0.0.0/8"]
# allow_ports = [443, "8000-8100"]
# [rule.network.listening]
# deny_ports = ["1-65535"]
#
# [rule.dns]
# effect = "alert"
# allow = ["*.amazonaws.com"]
#
# [rule.filesystem]
# effect = "alert"
# deny = ["/tmp"]
"""
