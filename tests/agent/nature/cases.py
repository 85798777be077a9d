"""What a wrapped handler keeps, and what the core is told: run by every interpreter of the machine.

Syntax and library of Python 3.6. The core's two functions are recorders here.
"""

import asyncio
import copy
import functools
import importlib
import inspect
import pickle
import sys
import threading
import traceback
import types
import unittest
import weakref
from unittest import mock

import kinds
import twistlock.serverless
from twistlock import bootstrap

TOLD = []
bootstrap.connect(
    lambda request: TOLD.append((request or b"").decode()), lambda: TOLD.append("end"), "enforcing"
)


class Context:
    def __init__(self, aws_request_id):
        self.aws_request_id = aws_request_id


def run(coroutine):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def names_of(error):
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


class Case(unittest.TestCase):
    def setUp(self):
        del TOLD[:]
        self.addCleanup(importlib.reload, kinds)

    def wrap(self, name):
        """Wrap as the handler's module does, and return the original too."""
        original = getattr(kinds, name)
        wrapped = twistlock.serverless.handler(original)
        setattr(kinds, name, wrapped)
        return original, wrapped


class EveryKind(Case):
    def test_answers_and_telling(self):
        for name in kinds.ANSWERS:
            original, wrapped = self.wrap(name)
            del TOLD[:]
            expected = kinds.settle(original({"n": 1}, Context("r")))
            self.assertEqual([], TOLD, name)
            self.assertEqual(expected, kinds.settle(wrapped({"n": 1}, Context("r"))), name)
            self.assertEqual(["r", "end"], TOLD, name)

    def test_look_like_the_original(self):
        for name in kinds.ALL:
            original, wrapped = self.wrap(name)
            self.assertIsNot(original, wrapped)
            for attribute in (
                "__name__",
                "__qualname__",
                "__doc__",
                "__module__",
                "__dict__",
                "__annotations__",
                "__defaults__",
                "__kwdefaults__",
                "__code__",
                "__class__",
                "__self__",
                "func",
            ):
                missing = object()
                self.assertEqual(
                    getattr(original, attribute, missing) is missing,
                    getattr(wrapped, attribute, missing) is missing,
                )
                if hasattr(original, attribute):
                    self.assertEqual(
                        getattr(original, attribute), getattr(wrapped, attribute), (name, attribute)
                    )
            self.assertIs(original, wrapped.__wrapped__)
            self.assertEqual(repr(original), repr(wrapped))
            self.assertEqual(str(original), str(wrapped))
            self.assertEqual(dir(original), dir(wrapped))
            self.assertEqual(inspect.getmodule(original), inspect.getmodule(wrapped))
            self.assertTrue(callable(wrapped))

    def test_compare_like_the_original(self):
        for name in kinds.ALL:
            original, wrapped = self.wrap(name)
            self.assertTrue(original == wrapped and wrapped == original and wrapped == wrapped, name)
            self.assertFalse(original != wrapped or wrapped != original)
            self.assertEqual(kinds.hashed(original), kinds.hashed(wrapped))
            self.assertIsInstance(wrapped, type(original))
            self.assertEqual(bool(original), bool(wrapped))

    def test_inspect_sees_the_same(self):
        for name in kinds.ALL:
            original, wrapped = self.wrap(name)
            for question in (
                "isfunction",
                "ismethod",
                "isbuiltin",
                "isroutine",
                "isclass",
                "iscoroutinefunction",
                "isgeneratorfunction",
                "isasyncgenfunction",
                "ismethoddescriptor",
            ):
                ask = getattr(inspect, question)
                self.assertEqual(ask(original), ask(wrapped), (name, question))
            self.assertEqual(kinds.signature(original), kinds.signature(wrapped), name)

    def test_wrapped_twice_is_wrapped_once(self):
        for name in kinds.ALL:
            _, wrapped = self.wrap(name)
            self.assertIs(wrapped, twistlock.serverless.handler(wrapped))
            self.assertTrue(twistlock.serverless.is_protected(wrapped))

    def test_pickled_like_the_original(self):
        for name in kinds.ALL:
            original = getattr(kinds, name)
            expected = kinds.pickled(original)
            _, wrapped = self.wrap(name)
            found = kinds.pickled(wrapped)
            if isinstance(expected, bytes):
                self.assertIsInstance(found, bytes, name)
                again = pickle.loads(found)
                self.assertTrue(again is wrapped or again is original or type(again) is type(original), name)
            else:
                self.assertEqual(expected, found, name)

    def test_copied(self):
        for name in ("plain", "partial", "application", "slotted"):
            original, wrapped = self.wrap(name)
            for copied in (copy.copy(wrapped), copy.deepcopy(wrapped)):
                self.assertIs(type(original), copied.__class__, name)
                self.assertEqual(original(1, None), copied(1, None), name)

    def test_weakly_referenced(self):
        _, wrapped = self.wrap("plain")
        self.assertIs(wrapped, weakref.ref(wrapped)())

    def test_not_callable_comes_back(self):
        for value in (None, 1, "handler", {}):
            self.assertIs(value, twistlock.serverless.handler(value))


class Functions(Case):
    def test_decorator_around_ours_is_not_ours(self):
        _, wrapped = self.wrap("plain")
        outer = functools.wraps(wrapped)(lambda *args: wrapped(*args))
        self.assertFalse(twistlock.serverless.is_protected(outer))
        self.assertIsNot(outer, twistlock.serverless.handler(outer))

    def test_attributes_are_the_original_s(self):
        original, wrapped = self.wrap("plain")
        wrapped.state = [1]
        self.assertEqual([1], original.state)
        del wrapped.state
        self.assertFalse(hasattr(original, "state"))
        wrapped.__defaults__ = (2,)
        self.assertEqual((2,), original.__defaults__)

    def test_arguments_pass(self):
        _, wrapped = self.wrap("anything")
        for args, kwargs in [
            ((), {}),
            ((1,), {}),
            ((1, 2, 3), {}),
            ((), {"event": 1, "self": 2, "context": None}),
        ]:
            self.assertEqual((args, kwargs), wrapped(*args, **kwargs))
        self.assertRaises(TypeError, self.wrap("plain")[1])

    def test_method_of_a_class(self):
        class Owner:
            method = twistlock.serverless.handler(kinds.method)
            static = twistlock.serverless.handler(staticmethod(kinds.plain))
            of_class = twistlock.serverless.handler(classmethod(kinds.method))

        owner = Owner()
        self.assertEqual((owner, 1, None), owner.method(1, None))
        self.assertEqual((owner, 1, None), Owner.method(owner, 1, None))
        self.assertEqual((Owner, 1, None), Owner.of_class(1, None))
        self.assertEqual({"got": 1}, Owner.static(1, None))
        self.assertTrue(twistlock.serverless.is_protected(Owner.static))

    def test_coroutine_carries_the_name(self):
        _, wrapped = self.wrap("coroutine")
        made = wrapped({}, None)
        if sys.version_info >= (3, 7):  # Before, the name of the code was taken.
            self.assertEqual(("coroutine", "coroutine"), (made.__name__, made.__qualname__))
        self.assertIsInstance(made, types.CoroutineType)
        made.close()

    def test_generators_delegate_all(self):
        for name in ("echo", "async_echo"):
            original, wrapped = self.wrap(name)
            self.assertEqual(kinds.converse(original), kinds.converse(wrapped), name)


class Objects(Case):
    def test_methods_and_special_methods(self):
        original, wrapped = self.wrap("application")

        @wrapped.route("/here")
        def here():
            return "here"

        self.assertIs(here, original.routes["/here"])
        self.assertEqual((1, ["/here"], True), (len(wrapped), list(wrapped), "/here" in wrapped))
        self.assertIs(here, wrapped["/here"])
        with wrapped as entered:
            self.assertIs(wrapped, entered)
        wrapped.name = "changed"
        self.assertEqual("changed", original.name)

    def test_class_is_a_class(self):
        original, wrapped = self.wrap("Class")
        self.assertIsInstance(wrapped({}, None), wrapped)
        self.assertIsInstance(wrapped({}, None), original)
        self.assertTrue(issubclass(original, wrapped))
        self.assertEqual(7, wrapped.constant)


class Exceptions(Case):
    def raised(self, function, *args):
        try:
            kinds.settle(function(*args))
        except BaseException as error:
            return error
        raise AssertionError("nothing was raised")

    def test_same_error_and_frames(self):
        for name in kinds.RAISING:
            original, wrapped = self.wrap(name)
            expected = self.raised(original, name, Context("r"))
            del TOLD[:]
            found = self.raised(wrapped, name, Context("r"))
            self.assertIs(type(expected), type(found))
            self.assertEqual(str(expected), str(found))
            self.assertEqual(type(expected.__context__), type(found.__context__))
            self.assertEqual(["r", "end"], TOLD, name)
            frames = traceback.extract_tb(found.__traceback__)
            ours = [frame for frame in frames if "twistlock" in frame.filename]
            # Where it can't be taken out the Lambda runtime does so, by the file's name.
            self.assertEqual([] if kinds.CLEAN else ["run"], [frame.name for frame in ours], name)
            self.assertTrue(all(frame.filename.endswith("/bootstrap.py") for frame in ours))
            rest = [name for name in names_of(found) if name != "run"]
            self.assertEqual(names_of(expected), rest, name)


class Telling(Case):
    def test_request_ids(self):
        _, wrapped = self.wrap("anything")
        contexts = [None, object(), Context(None), Context(5), Context(b"x"), Context("id"), kinds.Hostile()]
        for context in contexts:
            wrapped({}, context)
        wrapped({}, context=Context("named"))
        wrapped()
        starts = [told for told in TOLD if told != "end"]
        self.assertEqual(["", "", "", "", "", "id", "named", ""], starts)
        self.assertEqual(TOLD.count("end"), len(starts))

    def test_nested_calls_are_one_invocation(self):
        _, inner = self.wrap("plain")
        outer = twistlock.serverless.handler(lambda event, context: inner(event, context))
        for context in (Context("a"), None):
            del TOLD[:]
            outer({}, context)
            self.assertEqual([context.aws_request_id if context else "", "end"], TOLD)

    def test_other_request_inside(self):
        _, inner = self.wrap("plain")
        outer = twistlock.serverless.handler(lambda event, context: inner(event, Context("b")))
        outer({}, Context("a"))
        self.assertEqual(["a", "b", "a", "end"], TOLD)

    def test_recursion(self):
        @twistlock.serverless.handler
        def handler(event, context):
            return event and handler(event - 1, context)

        handler(20, Context("r"))
        self.assertEqual(["r", "end"], TOLD)

    def test_interleaved_tasks(self):
        async def main():
            await asyncio.wait([asyncio.ensure_future(wrapped(name, Context(name))) for name in "ab"])

        _, wrapped = self.wrap("sleeping")
        run(main())
        self.assertEqual("end", TOLD[-1])
        self.assertEqual(1, TOLD.count("end"))
        self.assertEqual({"a", "b"}, set(TOLD[:2]))

    def test_threads(self):
        _, wrapped = self.wrap("plain")
        many = [
            threading.Thread(target=lambda i=i: [wrapped({}, Context(str(i))) for _ in range(50)])
            for i in range(8)
        ]
        for thread in many:
            thread.start()
        for thread in many:
            thread.join()
        self.assertEqual("end", TOLD[-1])
        self.assertEqual([], bootstrap._running)

    def test_abandoned_generator_ends(self):
        _, wrapped = self.wrap("generator")
        made = wrapped({}, Context("g"))
        self.assertEqual([], TOLD)
        next(made)
        self.assertEqual(["g"], TOLD)
        made.close()
        self.assertEqual(["g", "end"], TOLD)

    def test_failing_core_breaks_nothing(self):
        def fail(*_):
            raise OSError("the agent's own")

        _, wrapped = self.wrap("plain")
        saved = list(bootstrap._core)
        try:
            for pair in [(fail, fail), (saved[0], fail)]:
                bootstrap.connect(*pair, "enforcing")
                self.assertEqual({"got": 1}, wrapped(1, Context("r")))
                self.assertEqual([], bootstrap._running)
        finally:
            bootstrap.connect(*saved)


class Refusing(Case):
    def test_every_kind_refuses(self):
        bootstrap.refuse("the reason")
        self.addCleanup(bootstrap._refusals.clear)
        for name in kinds.ANSWERS:
            _, wrapped = self.wrap(name)
            with self.assertRaisesRegex(bootstrap.NotProtectedError, "^the reason$"):
                kinds.settle(wrapped({}, Context("r")))
        self.assertEqual([], TOLD)


class Stubborn:
    """Can't be wrapped: asking it what it has fails."""

    def __getattr__(self, name):
        raise ZeroDivisionError(name)

    def __call__(self, event, context):
        return {"got": event}


class NotWrapped(Case):
    def wrap_under(self, choice):
        lines = []
        chosen = mock.patch.object(twistlock.serverless, "on_failure", choice)
        with chosen, mock.patch("os.write", lambda _, line: lines.append(line)):
            wrapped = twistlock.serverless.handler(Stubborn())
        self.assertEqual(1, len(lines))
        self.assertRegex(lines[0], b"^defender: NOT PROTECTED: the handler can't be wrapped: ZeroDiv")
        return wrapped

    def test_runs_as_it_is_when_open(self):
        self.assertEqual({"got": 1}, self.wrap_under("open")(1, None))

    def test_refuses_when_closed(self):
        refusing = self.wrap_under("closed")
        self.assertRaisesRegex(bootstrap.NotProtectedError, "can't be wrapped", refusing, 1, None)

    def test_flags_of_a_strange_code(self):
        class Odd:
            __code__ = mock.MagicMock()

            def __call__(self, event, context):
                return event

        self.assertEqual(1, twistlock.serverless.handler(Odd())(1, None))


class Module(Case):
    def test_imported_under_another_name(self):
        import twistlock.serverless as other

        self.assertIs(other, twistlock.serverless)

    def test_reloaded(self):
        again = importlib.reload(twistlock.serverless)
        self.assertEqual("failed", again.status)
        self.assertEqual({"got": 1}, again.handler(kinds.plain)(1, None))

    def test_no_library_for_this_system(self):
        def library(sysname, libc):
            uname = types.SimpleNamespace(sysname=sysname, machine="riscv64")
            with mock.patch("os.uname", lambda: uname), mock.patch("os.confstr", libc):
                return twistlock.serverless._library()

        def musl(name):
            raise ValueError(name)

        self.assertEqual("libdefender-linux-riscv64", library("Linux", lambda name: "glibc 2.26"))
        self.assertRaisesRegex(OSError, "musl", library, "Linux", musl)
        self.assertRaisesRegex(OSError, "musl", library, "Linux", lambda name: None)
        self.assertRaisesRegex(OSError, "Linux only", library, "Darwin", musl)


if __name__ == "__main__":
    unittest.main()
