"""Handlers of many kinds; the handler setting picks one. Each raises for the event that asks for it."""

import asyncio
import functools
import json
import os
import sys

import helper

_count = 0


class Refused(Exception):
    """An error of the function's own."""


def _maybe_raise(event):
    if isinstance(event, dict) and event.get("raise"):
        helper.fail(event["raise"], Refused)


def plain(event, context):
    """Return the event."""
    print("handling", context.aws_request_id)
    _maybe_raise(event)
    return event


def with_context(event, context):
    _maybe_raise(event)
    names = (
        "aws_request_id",
        "function_name",
        "function_version",
        "invoked_function_arn",
        "memory_limit_in_mb",
    )
    return {name: getattr(context, name) for name in names}


def stateful(event, context):
    global _count
    _count += 1
    _maybe_raise(event)
    return {
        "count": _count,
        "region": os.environ["AWS_REGION"],
        "name": __name__,
        "file": os.path.basename(__file__),
    }


def proxy(event, context):
    _maybe_raise(event)
    return {"statusCode": 200, "headers": {"x": "é"}, "body": json.dumps(event, sort_keys=True)}


def with_defaults(event, context=None, *, retries=3, **more):
    _maybe_raise(event)
    return [retries, more]


def arguments(*args, **kwargs):
    _maybe_raise(args[0])
    return [len(args), len(kwargs)]


def other_names(first, second):
    _maybe_raise(first)
    return str(first)


async def _work(event):
    await asyncio.sleep(0)
    _maybe_raise(event)
    return event


def runs_a_loop(event, context):
    return asyncio.run(_work(event))


async def coroutine(event, context):
    _maybe_raise(event)
    return event


def generator(event, context):
    yield event


def not_serialisable(event, context):
    _maybe_raise(event)
    return {1, 2}


def octets(event, context):
    _maybe_raise(event)
    return b"\x00\xff"


def large(event, context):
    _maybe_raise(event)
    return "x" * 1000000


def nothing(event, context):
    _maybe_raise(event)


def recursive(event, context):
    _maybe_raise(event)
    if isinstance(event, dict) and event.get("depth", 0) < 5:
        return recursive({"depth": event.get("depth", 0) + 1, "raise": None}, context)
    return event


def exits(event, context):
    if isinstance(event, dict) and event.get("raise"):
        sys.exit(3)
    return event


class Application:
    def __init__(self):
        self.routes = {}

    def route(self, name):
        return lambda function: self.routes.setdefault(name, function)

    def __call__(self, event, context):
        _maybe_raise(event)
        return self.routes["/"](event)


application = Application()
bound = application.__call__
partial = functools.partial(helper.three, "first")
unnamed = lambda event, context: [_maybe_raise(event), event]  # noqa: E731
imported = helper.imported


@application.route("/")
def root(event):
    return {"root": event}


@helper.decorated(times=2)
def decorated(event, context):
    _maybe_raise(event)
    return event


if os.environ.get("NEVER"):
    conditional = None
else:

    def conditional(event, context):
        _maybe_raise(event)
        return event
