"""Loads functions as the Lambda runtime does and tells what happened; run by each Python of the machine, 3.6 and later.

Reads a list of jobs from stdin: `root` (the task root), `handlers`, and `events` (pairs of handler and event).
Writes one object for each: `error` (why the import failed), `early` (lines of user files that ran before the agent
had started), `files` (how many lines of each user file were seen at all), `status` (the agent's), `wrapped` (for
each handler, whether the platform gets the wrapper), `answers`. Each job has a process of its own, forked from this
one, which never imports anything of a function or of the agent. Changes nothing in a function's files.
"""

import ast
import importlib
import inspect
import json
import linecache
import os
import sys
import traceback


class Context:
    aws_request_id = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"
    function_name = "golden"


def agent_status():
    return getattr(sys.modules.get("twistlock.serverless"), "status", None)


class Trace:
    """Notes each line of user modules as it runs, and whether the agent had started by then."""

    def __init__(self, root):
        self.root = root
        self.early = set()
        self.files = {}
        self.starts = {}

    def own(self, filename):
        agent = os.path.join(self.root, "twistlock") + os.sep
        return filename.startswith(self.root + os.sep) and not filename.startswith(agent)

    def __call__(self, frame, event, _argument):
        code = frame.f_code
        if event == "call" and code.co_name == "<module>" and self.own(code.co_filename):
            return self.line
        return None

    def line(self, frame, event, _argument):
        if event == "line":
            path = frame.f_code.co_filename
            if path not in self.starts:
                self.starts[path] = first_own_line(path)
            if self.starts[path] is not None and frame.f_lineno >= self.starts[path]:
                name = os.path.relpath(path, self.root)
                self.files[name] = self.files.get(name, 0) + 1
                if agent_status() is None:
                    self.early.add((name, frame.f_lineno))
        return self.line


def first_own_line(path):
    """Return where the first statement stands that is no string, `__future__` import or import of the agent.

    Where it begins on the line of one of those, the line behind it: trace events name lines only.
    """
    with open(path, "rb") as file:
        body = ast.parse(file.read()).body
    before = 0
    for node in body:
        if not is_preamble(node):
            lines = [node.lineno] + [one.lineno for one in getattr(node, "decorator_list", ())]
            return min(lines) + (min(lines) == before)
        before = node.lineno
    return None


def is_preamble(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names] == ["twistlock.serverless"]
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    if isinstance(node, ast.Expr):
        kind = type(node.value).__name__
        return kind == "Str" or (kind == "Constant" and isinstance(node.value.value, str))
    return False


def call(handler, event, root):
    """Return the answer, or the exception with those of its frames that are the user's."""
    try:
        answer = handler(event, Context())
        if inspect.iscoroutine(answer):
            import asyncio

            loop = asyncio.new_event_loop()
            try:
                answer = loop.run_until_complete(answer)
            finally:
                loop.close()
        return {"answer": json.loads(json.dumps(answer))}
    except Exception as error:
        frames = []
        for frame, line in traceback.walk_tb(error.__traceback__):
            name = os.path.relpath(frame.f_code.co_filename, root)
            if not name.startswith(("..", "twistlock" + os.sep)):
                text = linecache.getline(frame.f_code.co_filename, line).strip()
                frames.append([name, frame.f_code.co_name, text])
        return {"raises": f"{type(error).__name__}: {error}", "frames": frames}


def run(job):
    root = job["root"]
    os.chdir(root)
    sys.path.insert(0, root)
    trace = Trace(root)
    found = {}
    error = None
    sys.settrace(trace)
    try:
        # As awslambdaric.bootstrap._get_handler does.
        for handler in job["handlers"]:
            module, name = handler.rsplit(".", 1)
            found[handler] = getattr(importlib.import_module(module.replace("/", ".")), name)
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    finally:
        sys.settrace(None)
    agent = sys.modules.get("twistlock.serverless")
    return {
        "error": error,
        "early": sorted(trace.early),
        "files": trace.files,
        "status": agent_status(),
        "reason": getattr(agent, "reason", None),
        "wrapped": {name: bool(agent) and agent.is_protected(one) for name, one in found.items()},
        "answers": [call(found[name], event, root) for name, event in job["events"]] if not error else [],
    }


def in_own_process(job):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.dup2(2, 1)
        try:
            result = run(job)
        except BaseException:
            result = {"probe": traceback.format_exc()}
        with os.fdopen(writing, "w") as pipe:
            json.dump(result, pipe)
        sys.stderr.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text)


if __name__ == "__main__":
    sys.path.pop(0)  # This file's folder.
    json.dump([in_own_process(job) for job in json.load(sys.stdin)], sys.stdout)
