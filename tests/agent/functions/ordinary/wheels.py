"""Wheels with machine code: many libraries, libraries of their own, threads of their own, clients of their own."""

import importlib
import io
import json
import pkgutil
import tempfile

from doings import ADDRESS, NAME, PLAIN, TLS, doing
from web import AUTHORITY

_KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}


@doing
def boto3_stubbed():
    import boto3
    import botocore.stub

    client = boto3.client("s3", **_KEYS)
    with botocore.stub.Stubber(client) as stubber:
        stubber.add_response("list_buckets", {"Buckets": [{"Name": "b"}]})
        return client.list_buckets()["Buckets"]


@doing
def boto3_by_address():
    import boto3

    client = boto3.client("s3", endpoint_url=f"http://{ADDRESS}:{PLAIN}", **_KEYS)
    client.put_object(Bucket="b", Key="new", Body=b"x" * 100000)
    with tempfile.NamedTemporaryFile() as file:
        client.download_file("b", "k", file.name)
        size = len(file.read())
        client.upload_file(file.name, "b", "up")
    return size, json.load(client.get_object(Bucket="b", Key="k")["Body"])


@doing
def boto3_by_name():
    """The bucket is part of the name that is asked for."""
    import boto3

    client = boto3.client("s3", endpoint_url=f"https://s3.example.test:{TLS}", verify=False, **_KEYS)
    sns = boto3.client("sns", endpoint_url=f"http://{NAME}:{PLAIN}", **_KEYS)
    answer = json.load(client.get_object(Bucket="bucket", Key="k")["Body"])
    return answer, len(sns.meta.service_model.operation_names) > 9


@doing
def requests_over_tls():
    import requests

    with requests.Session() as session:
        session.verify = AUTHORITY
        away = session.get(f"https://{NAME}:{TLS}/away", timeout=10)
        posted = session.post(f"https://{ADDRESS}:{TLS}/p", files={"f": ("a.txt", b"x" * 5000)}, timeout=10)
        streamed = session.get(f"https://{NAME}:{TLS}/s", stream=True, timeout=10)
        return away.json(), len(away.history), posted.json()["path"], len(b"".join(streamed.iter_content(10)))


@doing
def requests_without_the_authority():
    import requests

    try:
        requests.get(f"https://{NAME}:{TLS}/", timeout=10)
    except requests.RequestException as error:
        return type(error).__name__


@doing
def numpy_product():
    import numpy

    matrix = numpy.arange(250000.0).reshape(500, 500)
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        numpy.save(file.name, matrix)
        again = numpy.load(file.name, mmap_mode="r")
        return float(numpy.trace(again @ matrix.T)), float(numpy.linalg.det(numpy.eye(50) * 2))


@doing
def pandas_frames():
    import pandas

    frame = pandas.DataFrame({"key": list("abca"), "value": [1, 2, 3, 4]})
    frame["when"] = pandas.to_datetime(["2024-03-31"] * 4).tz_localize("Europe/Vienna")
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(f"{folder}/f.csv")
        frame.to_pickle(f"{folder}/f.pickle")
        back = pandas.read_csv(f"{folder}/f.csv", index_col=0)
        again = pandas.read_pickle(f"{folder}/f.pickle")
    shape = pandas.read_json(io.StringIO(frame.drop(columns="when").to_json())).shape
    return back.groupby("key").value.sum().to_dict(), again.when.iloc[0].isoformat(), shape


@doing
def scipy_whole():
    """A wheel of a hundred extensions, and with libraries of their own."""
    import scipy

    loaded = []
    for module in pkgutil.iter_modules(scipy.__path__, "scipy."):
        if "test" not in module.name:
            importlib.import_module(module.name)
            loaded.append(module.name)
    from scipy import linalg, optimize, sparse

    root = optimize.brentq(lambda x: x * x - 2, 0, 2)
    numbers = [round(root, 9), linalg.det([[1, 2], [3, 5]]), sparse.eye(5).sum()]
    return loaded, numbers, _libraries("scipy")


def _libraries(name):
    """How many of the package's libraries this process has mapped."""
    with open("/proc/self/maps") as maps:
        return len({line.split()[-1] for line in maps if f"/{name}" in line and ".so" in line})


@doing
def psycopg_connects():
    """libpq of its own, which asks for names and connects by itself: nobody answers as a database would."""
    import psycopg

    found = []
    hosts = [ADDRESS, NAME, "localhost", "/tmp", "missing.example.test"]
    for host in hosts:
        try:
            psycopg.connect(f"host={host} port=9 dbname=d user=u password=p connect_timeout=5")
        except psycopg.OperationalError as error:
            found.append(str(error))
    return found, psycopg.pq.__impl__


@doing
def cryptography_of_its_own():
    from cryptography import x509
    from cryptography.fernet import Fernet

    with open(AUTHORITY, "rb") as file:
        authority = x509.load_pem_x509_certificate(file.read())
    fernet = Fernet(Fernet.generate_key())
    return fernet.decrypt(fernet.encrypt(b"text")).decode(), authority.version.name
