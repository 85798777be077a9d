"""Clients and servers: by address, by name, over TLS, of both families, with and without an event loop."""

import asyncio
import http.client
import http.server
import json
import os
import selectors
import socket
import ssl
import struct
import tempfile
import threading
import urllib.request

from doings import ADDRESS, ADDRESS6, ECHO, NAME, PLAIN, RESOLVER, TLS, doing, raised

AUTHORITY = os.environ.get("AUTHORITY")


@doing
def urllib_by_address():
    with urllib.request.urlopen(f"http://{ADDRESS}:{PLAIN}/there", timeout=10) as answer:
        return json.load(answer)


@doing
def urllib_by_name():
    with urllib.request.urlopen(f"http://{NAME}:{PLAIN}/there", timeout=10) as answer:
        return json.load(answer)


@doing
def urllib_over_tls():
    context = ssl.create_default_context(cafile=AUTHORITY)
    with urllib.request.urlopen(f"https://{NAME}:{TLS}/", timeout=10, context=context) as answer:
        return json.load(answer)


@doing
def http_client_kept_alive():
    connection = http.client.HTTPConnection(ADDRESS, PLAIN, timeout=10)
    found = []
    for number in range(3):
        connection.request("POST", f"/{number}", body=b"x" * 100000)
        found.append(json.loads(connection.getresponse().read()))
    connection.close()
    return found


@doing
def http_client_ipv6():
    connection = http.client.HTTPConnection(ADDRESS6, PLAIN, timeout=10)
    connection.request("GET", "/six")
    return json.loads(connection.getresponse().read())


@doing
def http_client_over_tls():
    context = ssl.create_default_context(cafile=AUTHORITY)
    connection = http.client.HTTPSConnection(ADDRESS, TLS, timeout=10, context=context)
    connection.request("GET", "/tls")
    version = connection.sock.version()
    return version, json.loads(connection.getresponse().read())


@doing
def certificate_is_refused():
    return raised(urllib.request.urlopen, f"https://{NAME}:{TLS}/", timeout=10)


@doing
def streams():
    async def work():
        reader, writer = await asyncio.open_connection(NAME, ECHO)
        writer.write(b"a" * 200000)
        await writer.drain()
        back = await reader.readexactly(200000)
        writer.close()
        await writer.wait_closed()
        return len(back)

    return asyncio.run(asyncio.wait_for(work(), 20))


@doing
def streams_over_tls():
    async def work():
        context = ssl.create_default_context(cafile=AUTHORITY)
        reader, writer = await asyncio.open_connection(NAME, TLS, ssl=context)
        writer.write(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
        writer.close()
        return status.decode()

    return asyncio.run(asyncio.wait_for(work(), 20))


@doing
def streams_served_here():
    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()

    async def ask(opening):
        reader, writer = await opening
        writer.write(b"line\n")
        line = await reader.readline()
        writer.close()
        return line.decode()

    async def work():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            local = await asyncio.start_unix_server(answer, path)
            async with server, local:
                port = server.sockets[0].getsockname()[1]
                return [
                    await ask(asyncio.open_connection("127.0.0.1", port)),
                    await ask(asyncio.open_connection("localhost", port)),
                    await ask(asyncio.open_unix_connection(path)),
                ]

    return asyncio.run(asyncio.wait_for(work(), 20))


@doing
def datagrams_in_a_loop():
    class Client(asyncio.DatagramProtocol):
        def __init__(self):
            self.back = asyncio.get_running_loop().create_future()

        def connection_made(self, transport):
            transport.sendto(b"ping")

        def datagram_received(self, data, address):
            self.back.set_result((data.decode(), address[1]))

    async def work():
        loop = asyncio.get_running_loop()
        transport, client = await loop.create_datagram_endpoint(Client, remote_addr=(ADDRESS, ECHO))
        back = await client.back
        transport.close()
        return back

    return asyncio.run(asyncio.wait_for(work(), 20))


@doing
def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind(("", 0))
        sent = client.sendto(b"one", (ADDRESS, ECHO))
        first = client.recvfrom(100)[0]
        client.sendmsg([b"t", b"wo"], [], 0, (ADDRESS, ECHO))
        second = client.recvmsg(100)[0]
        client.connect((ADDRESS, ECHO))
        client.send(b"three")
        third = client.recv(100)
        return sent, [back.decode() for back in (first, second, third)]


@doing
def stream_calls():
    with socket.create_connection((ADDRESS, ECHO), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendmsg([b"he", b"llo"])
        client.sendall(b" world\n")
        with client.makefile("rw") as stream:
            line = stream.readline()
        with open(__file__, "rb") as file:
            sent = client.sendfile(file, count=100)
        return line, sent, client.getpeername()[:2], client.getsockname()[0]


@doing
def connection_in_the_background():
    """As event loops do it: connect says EINPROGRESS, and a selector waits."""
    with socket.socket() as client, selectors.DefaultSelector() as selector:
        client.setblocking(False)
        first = client.connect_ex((ADDRESS, ECHO))
        selector.register(client, selectors.EVENT_WRITE)
        ready = len(selector.select(10))
        return first, ready, client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@doing
def connections_that_fail():
    """Nobody listens: the error is the network's, not the agent's."""
    with socket.socket() as one, socket.socket() as two:
        found = [one.connect_ex((ADDRESS, 9)), two.connect_ex(("127.0.0.1", 9))]
    for family, address in ((socket.AF_INET, (ADDRESS, 9)), (socket.AF_UNIX, "/tmp/no-such-socket")):
        with socket.socket(family) as client:
            found.append(raised(client.connect, address))
    return found


@doing
def mapped_address():
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(10)
        client.connect((f"::ffff:{ADDRESS}", ECHO))
        client.sendall(b"x")
        return client.recv(1).decode(), client.getpeername()[:2]


@doing
def sockets_of_this_machine():
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for kind, name in (
            (socket.SOCK_STREAM, os.path.join(folder, "s")),
            (socket.SOCK_STREAM, f"\0defender-{os.getpid()}"),
            (socket.SOCK_DGRAM, os.path.join(folder, "d")),
        ):
            with socket.socket(socket.AF_UNIX, kind) as server, socket.socket(socket.AF_UNIX, kind) as client:
                server.bind(name)
                if kind == socket.SOCK_STREAM:
                    server.listen()
                client.connect(name)
                client.send(b"x")
                end = server.accept()[0] if kind == socket.SOCK_STREAM else server
                found.append(end.recv(1).decode())
                end.close()
        left, right = socket.socketpair()
        with left, right:
            left.send(b"p")
            found.append(right.recv(1).decode())
        return found


@doing
def names():
    """What look-ups answer: addresses are no names, localhost is no question."""
    return {
        "address": socket.getaddrinfo(ADDRESS, 80, type=socket.SOCK_STREAM),
        "six": socket.getaddrinfo("::1", "https", type=socket.SOCK_STREAM),
        "name": sorted(socket.getaddrinfo(NAME, 80, type=socket.SOCK_STREAM)),
        "capitals": socket.gethostbyname(NAME.upper() + "."),
        "one": socket.gethostbyname(NAME),
        "all": socket.gethostbyname_ex(NAME),
        "localhost": socket.gethostbyname("localhost"),
        "below": raised(socket.getaddrinfo, "x.localhost", 80),
        "passive": sorted(socket.getaddrinfo(None, 80, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)),
        "long": sorted(socket.getaddrinfo("long.example.test", 80, type=socket.SOCK_STREAM)),
        "missing": raised(socket.getaddrinfo, "missing.example.test", 80),
        "backwards": socket.gethostbyaddr("127.0.0.1")[0],
        "nameinfo": socket.getnameinfo((ADDRESS, 443), socket.NI_NUMERICHOST),
        "own": socket.gethostbyname(socket.gethostname()) if _knows_itself() else None,
        "full": socket.getfqdn() == socket.gethostname(),
    }


def _knows_itself():
    try:
        return bool(socket.gethostbyname(socket.gethostname()))
    except OSError:
        return False


@doing
def name_of_an_address():
    """Servers and logs ask for it; there is none here."""
    return raised(socket.gethostbyaddr, ADDRESS)[0], socket.getfqdn(ADDRESS), socket.getfqdn("127.0.0.1")


@doing
def served_here():
    """A web server asks for the name of the address that it is bound to, and of this machine."""
    found = []
    for address in ("127.0.0.1", "0.0.0.0", "localhost"):
        with http.server.ThreadingHTTPServer((address, 0), http.server.BaseHTTPRequestHandler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            client = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
            client.request("GET", "/")
            found.append((client.getresponse().status, server.server_name == socket.gethostname()))
            client.close()
            server.shutdown()
            thread.join()
    return found


@doing
def names_in_threads():
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(socket.gethostbyname(NAME)), name=str(number))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@doing
def questions_by_hand():
    """A resolver of a library's own: packets to port 53, by UDP and TCP."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0"
    message = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(message, (RESOLVER, 53))
        by_packet = client.recv(512)
    with socket.create_connection((RESOLVER, 53), timeout=10) as client:
        client.sendall(struct.pack("!H", len(message)) + message)
        by_stream = client.recv(514)
    return by_packet.hex(), by_stream.hex()
