"""What ordinary functions do, and no policy against programs may stop: each event names one thing."""

import asyncio
import concurrent.futures
import http.server
import json
import logging
import multiprocessing
import os
import sqlite3
import tempfile
import threading
import urllib.request

import boto3
import botocore.stub
import numpy
import requests

DOINGS = {}


def doing(function):
    DOINGS[function.__name__] = function
    return function


def handler(event, context):
    return DOINGS[event["doing"]]()


class _Server:
    """A web server in a thread of this process."""

    def __enter__(self):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"path": self.path}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


@doing
def boto3_stubbed():
    client = boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    with botocore.stub.Stubber(client) as stubber:
        stubber.add_response("list_buckets", {"Buckets": [{"Name": "b"}]})
        return client.list_buckets()["Buckets"]


@doing
def boto3_over_http():
    with _Server() as url:
        client = boto3.client(
            "s3", aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1", endpoint_url=url
        )
        return json.load(client.get_object(Bucket="b", Key="k")["Body"])


@doing
def requests_get():
    with _Server() as url:
        return requests.get(url + "/here", timeout=10).json()


@doing
def urllib_get():
    with _Server() as url, urllib.request.urlopen(url + "/there") as answer:
        return json.load(answer)


@doing
def numpy_product():
    matrix = numpy.arange(250000.0).reshape(500, 500)
    return float(numpy.trace(matrix @ matrix.T)), float(numpy.linalg.det(numpy.eye(50) * 2))


@doing
def sqlite3_file():
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(os.path.join(folder, "d.sqlite"))
        connection.execute("create table t (n integer)")
        connection.executemany("insert into t values (?)", [(n,) for n in range(100)])
        connection.commit()
        total = connection.execute("select sum(n) from t").fetchone()
        connection.close()
        return total


def _square(n):
    return n * n


@doing
def multiprocessing_fork():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=queue.put, args=(os.getpid(),))
    process.start()
    parent = queue.get()
    process.join()
    return parent == os.getpid(), process.exitcode


@doing
def multiprocessing_pipes():
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(_square(4)))
    process.start()
    answer = ours.recv()
    process.join()
    return answer, process.exitcode


@doing
def process_pool():
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        return list(pool.map(_square, range(10)))


@doing
def handler_in_children():
    """The handler itself, pickled by name for a pool's children."""
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        return pool.starmap(handler, [({"doing": "threads"}, None)] * 3)


@doing
def forked_by_hand():
    child = os.fork()
    if child == 0:
        os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@doing
def threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(_square, range(100)))


@doing
def event_loop():
    async def work():
        return await asyncio.gather(*(asyncio.to_thread(_square, n) for n in range(5)))

    return asyncio.run(work())


@doing
def log():
    logging.getLogger().warning("a line")
    return logging.getLogger().level


@doing
def program_that_is_not_there():
    """Looking for a program is no start of one."""
    import subprocess

    try:
        subprocess.run(["no-such-program-anywhere"])
    except FileNotFoundError as error:
        return type(error).__name__
