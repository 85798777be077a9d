"""Handlers of every kind, as modules have them. Syntax and library of Python 3.6."""

import asyncio
import functools
import inspect
import pickle
import sys

# Whether our own frame can be taken out of a traceback.
CLEAN = sys.version_info >= (3, 11)


def plain(event, context=None):
    """Plain."""
    return {"got": event}


def annotated(event: dict, context: "object" = None, *rest: int, key: str = "k", **more: float) -> dict:
    return {"got": event}


def method(self, event, context):
    return self, event, context


def anything(*args, **kwargs):
    return args, kwargs


async def coroutine(event, context):
    await asyncio.sleep(0)
    return {"got": event}


async def sleeping(event, context):
    for _ in range(3):
        await asyncio.sleep(0)
    return event


def generator(event, context):
    yield event
    yield 2


async def async_generator(event, context):
    yield event
    await asyncio.sleep(0)
    yield 2


def echo(event, context):
    value = None
    try:
        while value != "stop":
            try:
                value = yield value
            except ZeroDivisionError:
                value = "divided"
        return "returned"
    finally:
        event.append("closed")


async def async_echo(event, context):
    value = None
    try:
        while value != "stop":
            try:
                value = yield value
            except ZeroDivisionError:
                value = "divided"
    finally:
        event.append("closed")


@functools.lru_cache()
def _cached(event, context):
    return event


class Application:
    """An object that is called, as the frameworks have it."""

    def __init__(self):
        self.routes = {}
        self.name = "application"

    def __call__(self, event, context):
        return {"routes": len(self.routes), "got": event}

    def route(self, path):
        return lambda function: self.routes.setdefault(path, function)

    def handle(self, event, context):
        return self(event, context)

    async def handle_later(self, event, context):
        return self(event, context)

    def __len__(self):
        return len(self.routes)

    def __iter__(self):
        return iter(self.routes)

    def __getitem__(self, path):
        return self.routes[path]

    def __contains__(self, path):
        return path in self.routes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def __eq__(self, other):
        return isinstance(other, Application) and self.name == other.name

    __hash__ = None


class Later:
    async def __call__(self, event, context):
        return event


class Slotted:
    __slots__ = ("answer",)

    def __init__(self):
        self.answer = 1

    def __call__(self, event, context):
        return self.answer


class Class:
    constant = 7

    def __init__(self, event, context):
        self.event = event

    def __eq__(self, other):
        return type(self) is type(other)

    __hash__ = object.__hash__


class Hostile:
    """A context whose attributes fail."""

    def __getattr__(self, name):
        raise ValueError(name)


application = Application()
bound = application.handle
bound_coroutine = application.handle_later
later = Later()
slotted = Slotted()
partial = functools.partial(annotated, key="other")
partial_coroutine = functools.partial(coroutine, {"n": 1})
unnamed = lambda event, context: {"got": event}  # noqa: E731
builtin = isinstance
builtin_class = dict
foreign = inspect.cleandoc


def _fail(event):
    raise ValueError(event)


def raising(event, context):
    _fail(event)


def raising_deep(event, context):
    try:
        _fail(event)
    except ValueError as error:
        raise KeyError("deep") from error


async def raising_coroutine(event, context):
    await asyncio.sleep(0)
    _fail(event)


def raising_generator(event, context):
    yield 1
    _fail(event)


async def raising_async_generator(event, context):
    yield 1
    _fail(event)


def exiting(event, context):
    sys.exit(event)


def interrupted(event, context):
    raise KeyboardInterrupt(event)


class Frozen(Exception):
    def __setattr__(self, name, value):
        raise AttributeError("frozen")


def raising_frozen(event, context):
    raise Frozen(event)


RAISING = [
    "raising",
    "raising_deep",
    "raising_coroutine",
    "raising_generator",
    "raising_async_generator",
    "exiting",
    "raising_frozen",
]
ANSWERS = [
    "plain",
    "annotated",
    "coroutine",
    "sleeping",
    "generator",
    "async_generator",
    "application",
    "bound",
    "bound_coroutine",
    "later",
    "slotted",
    "partial",
    "unnamed",
    "Class",
]
ALL = [
    *ANSWERS,
    *RAISING,
    "echo",
    "async_echo",
    "builtin",
    "builtin_class",
    "foreign",
    "partial_coroutine",
    "_cached",
]


def settle(result):
    """What a caller gets in the end."""
    if inspect.iscoroutine(result):
        return _run(result)
    if inspect.isgenerator(result):
        return list(result)
    if inspect.isasyncgen(result):
        return _run(_collect(result))
    return result


def converse(function):
    """Send, throw and close, and note all answers."""
    log = []
    if inspect.isgeneratorfunction(function):
        made = function(log, None)
        log += [next(made), made.send("a"), made.throw(ZeroDivisionError)]
        try:
            made.send("stop")
        except StopIteration as stop:
            log.append(stop.value)
        made = function(log, None)
        next(made)
        made.close()
        log += list(function(log, None).__class__.__name__)
        return log
    return _run(_converse(function, log))


async def _converse(function, log):
    made = function(log, None)
    log += [await made.__anext__(), await made.asend("a"), await made.athrow(ZeroDivisionError())]
    try:
        await made.asend("stop")
    except StopAsyncIteration:
        log.append("stopped")
    made = function(log, None)
    await made.__anext__()
    await made.aclose()
    made = function(log, None)
    await made.__anext__()
    try:
        await made.athrow(KeyError("through"))
    except KeyError as error:
        log.append(str(error))
    return log


def hashed(value):
    try:
        return hash(value)
    except TypeError:
        return "unhashable"


def signature(function):
    try:
        return str(inspect.signature(function))
    except (ValueError, TypeError) as error:
        return type(error).__name__


def pickled(value):
    try:
        return pickle.dumps(value)
    except Exception as error:
        return type(error).__name__


async def _collect(result):
    return [item async for item in result]


def _run(coroutine):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
