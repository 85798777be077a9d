"""Runs the handler between the core's two calls, whatever kind of callable it is.

The file's name is part of its work: the Lambda runtime leaves leading frames of `/bootstrap.py` out of the
stack trace that it reports, so ours don't stand in it. Since Python 3.11 they can be taken out of the
exception itself as well, which other wrappers see too.
"""

import sys

from .transparent import instrument

# Code.co_flags.
_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200


class NotProtectedError(RuntimeError):
    """Every invocation fails with this when the agent can't start and was embedded with on_failure = "closed"."""


# The core's two functions once it runs, and what it does.
_core = []
# Why every invocation fails, if so.
_refusals = []
# Request ids of what runs now, oldest first: handlers call each other, and run in threads and tasks.
_running = []


def connect(begin, end, status):
    """Tell the core from now on through its two functions when an invocation starts and ends."""
    _core[:] = begin, end, status


def status():
    """Return what `connect` was told at last; None before."""
    return _core[2] if _core else None


def refuse(why):
    """Let every invocation fail from now on."""
    _refusals.append(why)


def refusing(why):
    """Return a handler that fails every invocation."""

    def handler(*_args, **_kwargs):
        raise NotProtectedError("this function may not run unprotected, and %s" % why)

    return handler


def wrap(target):
    """Return a callable that stands for `target` in all but its identity."""
    if isinstance(target, (staticmethod, classmethod)):
        return type(target)(wrap(target.__func__))
    if not callable(target) or getattr(target, "__twistlock__", None) is target:
        return target
    return instrument(target, _runner(target))


def _runner(target):
    """Make the function that runs `target`; it is named as `target` since coroutines carry the name."""
    flags = _flags(target)
    if flags & _ASYNC_GENERATOR:
        make = _async_generator
    elif flags & _COROUTINE:
        make = _coroutine
    elif flags & _GENERATOR and not flags & _ITERABLE_COROUTINE:
        make = _generator
    else:
        make = _plain
    run = make(target)
    run.__name__ = str(getattr(target, "__name__", run.__name__))
    run.__qualname__ = str(getattr(target, "__qualname__", run.__qualname__))
    run.__wrapped__ = target  # For inspect.signature of a class, which finds this function.
    return run


def _flags(target):
    """Return the code flags of the function that will run in the end."""
    functools = sys.modules.get("functools")
    while functools and isinstance(target, functools.partial):
        target = target.func
    if not hasattr(target, "__code__"):
        target = type(target).__call__
    flags = getattr(getattr(target, "__code__", None), "co_flags", 0)
    return flags if isinstance(flags, int) else 0


def _plain(target):
    def run(*args, **kwargs):
        token = _begin(args, kwargs)
        try:
            return target(*args, **kwargs)
        except BaseException as error:
            _leave_trace(error)
            raise
        finally:
            _end(token)

    return run


def _coroutine(target):
    async def run(*args, **kwargs):
        token = _begin(args, kwargs)
        try:
            return await target(*args, **kwargs)
        except BaseException as error:
            _leave_trace(error)
            raise
        finally:
            _end(token)

    return run


def _generator(target):
    def run(*args, **kwargs):
        token = _begin(args, kwargs)
        try:
            return (yield from target(*args, **kwargs))
        except BaseException as error:
            _leave_trace(error)
            raise
        finally:
            _end(token)

    return run


def _async_generator(target):
    async def run(*args, **kwargs):
        token = _begin(args, kwargs)
        try:
            inner = target(*args, **kwargs)
            step = inner.__anext__()
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    return
                try:
                    step = inner.asend((yield value))
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:
                    step = inner.athrow(error)
        except BaseException as error:
            _leave_trace(error)
            raise
        finally:
            _end(token)

    return run


def _leave_trace(error):
    """Take our own frame out of the traceback; before 3.11 `raise` brings it back."""
    trace = error.__traceback__
    if trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        # The base class's method: an exception may refuse attributes, as a frozen dataclass does.
        BaseException.with_traceback(error, trace.tb_next)


def _begin(args, kwargs):
    if _refusals:
        raise NotProtectedError(_refusals[0])
    if not _core:
        return None
    try:
        context = args[1] if len(args) > 1 else kwargs.get("context")
        request = getattr(context, "aws_request_id", None)
        token = request.encode("utf-8", "replace") if isinstance(request, str) else b""
        if _running and (not token or token == _running[-1]):
            token = _running[-1]
        else:
            _core[0](token or None)
        _running.append(token)
        return token
    except Exception:
        return None  # The agent's own failure is no reason for the function to fail.


def _end(token):
    if token is None:
        return
    try:
        current = _running[-1]
        _running.remove(token)
        if not _running:
            _core[1]()
        elif _running[-1] != current:
            _core[0](_running[-1] or None)
    except Exception:
        return  # As above.
