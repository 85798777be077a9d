"""A function that attacks files: each event names a way to read, change, make or take away what is denied.

The answer is what the attack itself saw.
"""

import around  # noqa: F401 - enters its ways
import by_number  # noqa: F401
import changing  # noqa: F401
import listed  # noqa: F401
import looking  # noqa: F401
import modules  # noqa: F401
import named  # noqa: F401
import native  # noqa: F401
import opening  # noqa: F401
import past_paths  # noqa: F401
import racing  # noqa: F401
import random_steps  # noqa: F401
import threaded  # noqa: F401
from ways import Place, every

WAYS = every()


def handler(event, context):
    try:
        return {"value": WAYS[event["way"]](Place(event["base"], event["shared"]))}
    except Exception as error:
        return {"raised": type(error).__name__, "errno": getattr(error, "errno", None)}
