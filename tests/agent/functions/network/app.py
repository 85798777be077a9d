"""A function that attacks the network: each event names a way to reach an address, a name or a port that is denied.

The answer is what the attack itself saw; what arrived is seen by the test, outside of the function.
"""

import around  # noqa: F401 - enters its ways
import asynchronous  # noqa: F401
import connecting  # noqa: F401
import listening
import names  # noqa: F401
import native  # noqa: F401
import obscure  # noqa: F401
import packets  # noqa: F401
import resolving  # noqa: F401
import sending  # noqa: F401
from ways import WAYS


def handler(event, context):
    listening.release()
    if event["way"] == "release":
        return None
    try:
        return {"value": WAYS[event["way"]]()}
    except Exception as error:
        return {"raised": type(error).__name__, "errno": getattr(error, "errno", None)}
