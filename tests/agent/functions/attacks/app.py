"""A function that attacks: each event names a way to start a program, which would create the marker file.

The answer is what the attack itself saw.
"""

import around  # noqa: F401 - enters its ways
import native  # noqa: F401
import standard  # noqa: F401
from ways import WAYS


def handler(event, context):
    try:
        return {"value": WAYS[event["way"]](event["marker"])}
    except Exception as error:
        return {"raised": type(error).__name__, "errno": getattr(error, "errno", None)}
