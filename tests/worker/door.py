"""A server's TLS with nobody behind it; asyncio's own would hang up without the alert that says why."""

import asyncio
import socket
import socketserver
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from playground.ports import LOOPBACK


class Door(socketserver.ThreadingTCPServer):
    """Shakes hands as its TLS wants, says why when it does not, and hangs up."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__((LOOPBACK, 0), Greeting)
        self.tls = tls
        self.address = f"{LOOPBACK}:{self.server_address[1]}"


class Greeting(socketserver.BaseRequestHandler):
    """One handshake; without TLS an answer of another protocol."""

    server: Door

    def handle(self) -> None:
        """Leave nothing unread: the kernel would take the alert back."""
        if self.server.tls is None:
            self.request.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            return
        secured = self.server.tls.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        with suppress(OSError):
            secured.do_handshake()
        with socket.socket(fileno=secured.detach()) as plain:
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(1 << 16):
                pass


@asynccontextmanager
async def opened(tls: ssl.SSLContext | None) -> AsyncIterator[Door]:
    """A door, for as long as the block runs."""
    with Door(tls) as door:
        serving = asyncio.create_task(asyncio.to_thread(door.serve_forever, 0.05))
        try:
            yield door
        finally:
            await asyncio.to_thread(door.shutdown)
            await serving
