"""A function that attacks the agent itself, and then starts a program, which would create the marker file.

The answer is what the attack itself saw.
"""

import traceback

import calling  # noqa: F401 - enters its ways
import descriptors  # noqa: F401
import from_children  # noqa: F401
import loosening  # noqa: F401
import memory  # noqa: F401
from ways import WAYS


def handler(event, context):
    try:
        return {"value": WAYS[event["way"]](event["marker"])}
    except OSError as error:
        return {"raised": type(error).__name__, "errno": error.errno}
    except Exception:
        return {"raised": traceback.format_exc()}  # No way means to raise it: the row fails, and says where.
