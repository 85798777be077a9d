"""The policy that applies where there is no policy file.

All functions, and every process but the main one prevented: the rule that the original's console
proposes first.
"""

from __future__ import annotations

from defender.policy.model import Effect, Policy, Processes, Rule

DEFAULT_RULE = Rule(
    name="default",
    processes=Processes(effect=Effect.PREVENT, block_all=True, crypto_miners=True),
)


def default_policy() -> Policy:
    """The built-in policy, of one rule for all functions."""
    return Policy((DEFAULT_RULE,))
