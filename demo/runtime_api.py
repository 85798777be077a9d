"""A Lambda execution environment on this machine: the Runtime API over HTTP, and a runtime that talks to it.

`RuntimeApi` is the service side of https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html;
`Environment` starts a runtime interface client against one, as Lambda does, and hands it events one by one.
There are no extensions, no timeouts of the platform, and no freezing between events.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_PREFIX = "/2018-06-01/runtime/"
_ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
# The runtime sends the stack of an error in a header of up to 1 MiB; http.server refuses lines over 64 KiB.
http.client._MAXLINE = (1 << 20) + 1024  # type: ignore[attr-defined]
# Longer than any handler of ours runs: only a hanging runtime gets there.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event: `response`, `error`, `init-error`, or `exit` with the runtime's status."""

    kind: str
    body: bytes
    status: int | None = None

    @property
    def document(self) -> object:
        """The body as JSON."""
        return json.loads(self.body)


class RuntimeApi:
    """The Runtime API of one environment: events go in by `submit`, what becomes of them comes out of `wait`."""

    def __init__(self, function_name: str) -> None:
        self._arn = _ARN + function_name
        self._changed = threading.Condition()
        self._event: tuple[str, bytes] | None = None
        self._outcome: Outcome | None = None
        self._closed = False
        self._asked = False
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port, the value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def submit(self, request_id: str, event: bytes) -> None:
        """Offer an event to the runtime's next poll."""
        with self._changed:
            self._event, self._outcome, self._asked = (request_id, event), None, False
            self._changed.notify_all()

    def settle(self, outcome: Outcome) -> None:
        """Note what became of the event; the first word counts."""
        with self._changed:
            self._outcome = self._outcome or outcome
            self._changed.notify_all()

    def wait(self, seconds: float = _PATIENCE) -> Outcome:
        """Wait for what becomes of the event; raises TimeoutError after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._outcome is not None, seconds):
                raise TimeoutError(f"the runtime gave no answer within {seconds:g} s")
            assert self._outcome is not None
            return self._outcome

    def take(self) -> tuple[str, bytes] | None:
        """Wait for an event as the runtime's poll does; None when the environment ends."""
        with self._changed:
            self._asked = self._event is None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._event is not None)
            event, self._event = self._event, None
            return event

    def is_asked(self, seconds: float) -> bool:
        """Whether the runtime asks for the next event within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._asked, seconds)

    def headers(self, request_id: str) -> dict[str, str]:
        """What the platform sends along with an event."""
        deadline = int(time.time() * 1000) + 60_000
        return {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        }

    def close(self) -> None:
        """Let go of a waiting poll and stop listening."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: a runtime that ends leaves its connection broken."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # An answer in one packet: a second one would wait 40 ms for the client's acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == f"{_PREFIX}restore/next":
            return self._answer(200, b"", {})
        if self.path != f"{_PREFIX}invocation/next":
            return self._answer(404, b"{}", {})
        event = self.server.api.take()
        if event is None:
            return self._answer(410, b"{}", {})
        return self._answer(200, event[1], self.server.api.headers(event[0]))

    def do_POST(self) -> None:
        body = self._body()
        kind = {"response": "response", "error": "error"}.get(self.path.rsplit("/", 1)[-1])
        if kind is None or not self.path.startswith(_PREFIX):
            return self._answer(404, b"{}", {})
        if self.path == f"{_PREFIX}init/error":
            kind = "init-error"
        # Noted before it is answered: with the answer some runtimes end, and their exit must not be the first word.
        self.server.api.settle(Outcome(kind, body))
        return self._answer(202, b'{"status":"OK"}\n', {})

    def _body(self) -> bytes:
        """What was posted; a streamed response comes in chunks, with the error that ended it in its trailers."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while (line := self.rfile.readline()) not in (b"\r\n", b"\n", b""):
            body += line
        return body

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the function's own output."""


class Environment:
    """A runtime process with its Runtime API: one execution environment of one function."""

    def __init__(
        self,
        task_root: Path,
        handler: str,
        *,
        command: Sequence[str],
        variables: Mapping[str, str],
        name: str = "demo",
    ) -> None:
        self._api = RuntimeApi(name)
        self._count = 0
        self._streams = (_log(), _log())
        self.process = subprocess.Popen(
            [*command, handler],
            cwd=task_root,
            env=self._variables(task_root, handler, name) | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=self._streams[0],
            stderr=self._streams[1],
            start_new_session=True,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def _variables(self, task_root: Path, handler: str, name: str) -> dict[str, str]:
        return {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "AWS_REGION": "us-east-1",
            "LAMBDA_TASK_ROOT": str(task_root),
            "PYTHONPATH": str(task_root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": handler,
        }

    def _watch(self) -> None:
        self._api.settle(Outcome("exit", b"", self.process.wait()))

    def invoke(self, event: object) -> Outcome:
        """Send one event (JSON, or bytes as they are) and wait for what becomes of it."""
        self._count += 1
        if self.process.poll() is not None:
            return Outcome("exit", b"", self.process.returncode)
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self._api.submit(f"00000000-0000-4000-8000-{self._count:012}", body)
        outcome = self._api.wait()
        if outcome.kind == "init-error":
            self.process.wait(_PATIENCE)
        return outcome

    def finish(self) -> None:
        """Wait for what the runtime does after its answer: it may have more to write, and it may end."""
        while self.process.poll() is None and not self._api.is_asked(0.05):
            pass

    @property
    def request_id(self) -> str:
        """The id of the latest event."""
        return f"00000000-0000-4000-8000-{self._count:012}"

    def output(self) -> str:
        """What the runtime and the function wrote to stdout so far."""
        return _written(self._streams[0])

    def errors(self) -> str:
        """What was written to stderr so far, the agent's audits among it."""
        return _written(self._streams[1])

    def close(self) -> None:
        """End the runtime and all that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._api.close()
        for stream in self._streams:
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _log() -> IO[bytes]:
    """A file that several processes may write to, each at its end, as a log is."""
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - the environment closes it.
    fcntl.fcntl(stream, fcntl.F_SETFL, fcntl.fcntl(stream, fcntl.F_GETFL) | os.O_APPEND)
    return stream


def _written(stream: IO[bytes]) -> str:
    return os.pread(stream.fileno(), os.fstat(stream.fileno()).st_size, 0).decode("utf-8", "replace")
