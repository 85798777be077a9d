"""What ordinary functions do, and no sensible policy may stop: each event names one thing."""

import children  # noqa: F401
import libraries  # noqa: F401
import programs  # noqa: F401
import storage  # noqa: F401
import web  # noqa: F401
import wheels  # noqa: F401
from doings import DOINGS


def handler(event, context):
    return DOINGS[event["doing"]]()
