"""A stand-in for the handler that differs from it in nothing but what a call does.

A function of our own around the handler would be simpler, but it could not be pickled where the handler comes
from another module, and would show our code and globals; and many handlers are objects with methods.
"""

import sys
import types

# What a stand-in has of its own; all other attributes are the target's.
_OWN = frozenset(("__call__", "__get__", "__mro_entries__", "__reduce__", "__reduce_ex__"))
# Special methods that belong to the type's own machinery, or would run twice.
_NOT_FORWARDED = _OWN.union(
    ("__new__", "__init__", "__del__", "__class__", "__getattr__", "__getattribute__", "__setattr__"),
    ("__delattr__", "__init_subclass__", "__subclasshook__", "__class_getitem__", "__set_name__"),
)


def instrument(target, run):
    """Return what stands for `target` and calls `run` in its place."""
    kind = type(target)

    def attribute(self, name):
        if name == "__wrapped__":
            return target
        if name == "__twistlock__":
            return self
        return object.__getattribute__(self, name) if name in own else getattr(target, name)

    def reduce(self, protocol=2):
        # Functions and classes are pickled by name without being asked.
        by_name = isinstance(target, (types.FunctionType, type))
        reduced = target.__qualname__ if by_name else target.__reduce_ex__(protocol)
        if isinstance(reduced, str) and _named(target.__module__, reduced) is not self:
            return _same, (target,)
        return reduced

    def bind(self, owner, cls=None):
        bound = target.__get__(owner, cls)
        ours = isinstance(bound, types.MethodType) and bound.__func__ is target
        return types.MethodType(self, bound.__self__) if ours else self if bound is target else bound

    names = [name for name in dir(kind) if name not in _NOT_FORWARDED and _is_special(kind, name)]
    members = {name: _forward(target, getattr(kind, name)) for name in names}
    if getattr(kind, "__hash__", None) is None:
        members["__hash__"] = None
    if hasattr(kind, "__get__"):
        members["__get__"] = bind
    if isinstance(target, type):
        members["__mro_entries__"] = lambda _self, _bases: (target,)
    members.update(
        __slots__=("__weakref__",),
        __module__=kind.__module__,
        __qualname__=kind.__qualname__,
        __call__=staticmethod(run),
        __getattribute__=attribute,
        __setattr__=lambda _self, name, value: setattr(target, name, value),
        __delattr__=lambda _self, name: delattr(target, name),
        __reduce__=reduce,
        __reduce_ex__=reduce,
    )
    own = _OWN.intersection(members)
    return type(kind.__name__, (), members)()


def _is_special(kind, name):
    return name.startswith("__") and name.endswith("__") and callable(getattr(kind, name, None))


def _forward(target, method):
    """Make a special method of the stand-in; where the target answers itself, the stand-in is meant."""

    def forwarded(self, *args, **kwargs):
        result = method(target, *args, **kwargs)
        return self if result is target else result

    return forwarded


def _named(module, qualname):
    """Find what pickle would find by name."""
    found = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _same(target):
    return target
