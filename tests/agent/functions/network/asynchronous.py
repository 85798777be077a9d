"""Connections, datagrams, listening and names through asyncio."""

import asyncio
import socket

from listening import keep
from targets import DENIED, LISTENING_PORT, NAME, PORT, datagram, stream
from ways import ways


def _run(attack):
    return lambda: asyncio.run(attack())


async def _open_connection():
    _, writer = await asyncio.open_connection(DENIED, PORT)
    writer.close()


async def _sock_connect():
    with stream() as client:
        client.setblocking(False)
        return await asyncio.get_running_loop().sock_connect(client, (DENIED, PORT))


async def _create_connection():
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, DENIED, PORT)
    transport.close()


class _Errors(asyncio.DatagramProtocol):
    """Datagrams are refused after the call has returned: the protocol is told."""

    def __init__(self):
        self.found = []

    def error_received(self, exc):
        self.found.append(exc)


async def _datagram_endpoint():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Errors, remote_addr=(DENIED, PORT))
    transport.sendto(b"datagram")
    transport.close()


async def _datagram_sendto():
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Errors, local_addr=("127.0.0.1", 0))
    transport.close()
    transport, protocol = await loop.create_datagram_endpoint(_Errors, family=socket.AF_INET)
    transport.sendto(b"datagram", (DENIED, PORT))
    transport.close()
    for error in protocol.found:
        raise error


async def _sock_sendto():
    with datagram() as client:
        client.setblocking(False)
        return await asyncio.get_running_loop().sock_sendto(client, b"datagram", (DENIED, PORT))


async def _start_server():
    server = await asyncio.start_server(lambda *_: None, DENIED, LISTENING_PORT)
    keep(server.sockets[0].dup())
    server.close()


async def _bound_endpoint():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Errors, local_addr=(DENIED, LISTENING_PORT))
    keep(transport.get_extra_info("socket").dup())
    transport.close()


async def _getaddrinfo():
    return len(await asyncio.get_running_loop().getaddrinfo(NAME, PORT, type=socket.SOCK_STREAM))


@ways("asyncio")
def _asyncio():
    return {
        "open_connection": _run(_open_connection),
        "sock_connect": _run(_sock_connect),
        "create_connection": _run(_create_connection),
        "datagram_endpoint": _run(_datagram_endpoint),
        "datagram_sendto": _run(_datagram_sendto),
        "sock_sendto": _run(_sock_sendto),
        "start_server": _run(_start_server),
        "bound_endpoint": _run(_bound_endpoint),
        "getaddrinfo": _run(_getaddrinfo),
    }
