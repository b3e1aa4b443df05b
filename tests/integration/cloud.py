"""The door of a Temporal in the cloud: who shows the key is let through, all others are told no as gRPC tells it."""

import asyncio
import ssl

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.frame_buffer import FrameBuffer
from hpack import Decoder
from hyperframe.frame import HeadersFrame

from tests.relay import CHUNK_BYTES, Relay, Source

UNAUTHENTICATED = "16"
REFUSAL = [
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("grpc-status", UNAUTHENTICATED),
    ("grpc-message", "Request unauthorized."),
]
LARGEST_FRAME_BYTES = 1 << 14

Headers = dict[str, str]


class Overheard:
    """What a client sends, and the headers of its requests on the way."""

    def __init__(self, source: Source) -> None:
        self.requests: list[Headers] = []
        self._source, self._kept = source, b""
        self._frames, self._decoder = FrameBuffer(server=True), Decoder()
        self._frames.max_frame_size = LARGEST_FRAME_BYTES

    async def first(self) -> Headers:
        """Of the first request, none when there is no request; what came up to it is still to be read."""
        while not self.requests and (data := await self._listen(CHUNK_BYTES)):
            self._kept += data
        return self.requests[0] if self.requests else {}

    async def read(self, n: int) -> bytes:
        """As of the source."""
        kept, self._kept = self._kept, b""
        return kept or await self._listen(n)

    async def _listen(self, n: int) -> bytes:
        data = await self._source.read(n)
        self._frames.add_data(data)
        for frame in self._frames:
            if isinstance(frame, HeadersFrame):
                self.requests.append({str(key): str(value) for key, value in self._decoder.decode(frame.data)})
        return data


class Cloud(Relay):
    """To a Temporal that asks nobody for a key."""

    def __init__(self, port: int, *, tls: ssl.SSLContext, key: str) -> None:
        super().__init__(port, tls=tls)
        self._authorization = f"Bearer {key}"
        self._admitted: list[Overheard] = []

    @property
    def requests(self) -> list[Headers]:
        """Of all that was let through."""
        return [request for each in self._admitted for request in each.requests]

    async def _carry(self, reader: Source, writer: asyncio.StreamWriter) -> None:
        overheard = Overheard(reader)
        if (await overheard.first()).get("authorization") == self._authorization:
            self._admitted.append(overheard)
            await super()._carry(overheard, writer)
        else:
            await refuse(overheard, writer)


async def refuse(reader: Source, writer: asyncio.StreamWriter) -> None:
    """Every request of a connection, until the client ends it."""
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    while data := await reader.read(CHUNK_BYTES):
        for event in connection.receive_data(data):
            if isinstance(event, RequestReceived):
                connection.send_headers(event.stream_id, REFUSAL, end_stream=True)
        writer.write(connection.data_to_send())
    writer.close()
