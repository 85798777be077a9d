"""What the handlers of app.py borrow."""

import functools


def fail(kind, refused):
    errors = {
        "own": lambda: refused("näher: \N{SNOWMAN}", 2),
        "key": lambda: KeyError("missing"),
        "chained": lambda: _chained(),
        "empty": lambda: RuntimeError(),
        "recursion": lambda: fail(kind, refused),
    }
    raise errors[kind]()


def _chained():
    try:
        {}["cause"]
    except KeyError as cause:
        error = ValueError("effect")
        error.__cause__ = cause
        return error


def three(first, event, context):
    if isinstance(event, dict) and event.get("raise"):
        fail(event["raise"], ValueError)
    return [first, event]


def imported(event, context):
    if isinstance(event, dict) and event.get("raise"):
        fail(event["raise"], ValueError)
    return ["imported", event]


def decorated(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(event, context):
            return [function(event, context) for _ in range(times)]

        return wrapper

    return decorate
