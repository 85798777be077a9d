"""The registry of what the function does, and where its servers are."""

DOINGS = {}

# Reached by address, and by the names under example.test alone; tests/agent/services.py serves them.
ADDRESS, NAMED, RESOLVER = "198.51.100.7", "198.51.100.8", "198.51.100.53"
ADDRESS6 = "fd00::7"
PLAIN, TLS, ECHO = 8080, 8443, 7007
NAME = "service.example.test"


def doing(function):
    """One thing to do: `event["doing"]` names it."""
    DOINGS[function.__name__] = function
    return function


def raised(function, *arguments, **named):
    """What a call raises, as comparable text."""
    try:
        function(*arguments, **named)
    except Exception as error:
        number = getattr(error, "errno", None)
        return type(error).__name__, number if isinstance(number, int) else None
    return None
