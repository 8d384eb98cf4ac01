"""A proxy that does to replies what networks and servers do to them.

    with Flaky(upstream_port, faults) as proxy:
        ... http://127.0.0.1:{proxy.port}/ ...

faults(n, path) says what becomes of request number n:

    None             the reply goes through
    ("status", 503, {"Retry-After": "1"})  this instead, upstream is not asked
    ("cut", 1000)    1000 bytes of the body, then an orderly end
    ("reset", 1000)  the same with a reset (TCP RST); 0: instead of the head
    ("stall", 1000)  the same, and then nothing until the client goes
    ("corrupt", 30)  all of it, with this byte of the body another one
    ("delay", 0.1)   late

It counts what it passed on: proxy.requests, proxy.bytes (of bodies), and
proxy.seen, a list of (path, headers).
"""
import asyncio
import socket
import struct
import threading


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = {}
    for line in lines:
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    return head, first, headers


class Flaky:
    def __init__(self, upstream, faults=lambda n, path: None):
        self.upstream = upstream
        self.faults = faults
        self.requests = self.bytes = self.failed = 0
        self.seen = []

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,))
        self.thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(10)
        assert not self.thread.is_alive()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def run(self, ready):
        async def main():
            self.done = asyncio.Event()
            self.tasks = set()
            server = await asyncio.start_server(self.connected, "127.0.0.1", 0,
                                                limit=1 << 20)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self.done.wait()
            server.close()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

        self.loop.run_until_complete(main())
        self.loop.close()

    async def connected(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            while await self.exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError,
                ConnectionError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    def reset(self, writer):
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def exchange(self, reader, writer):
        head, first, headers = await read_head(reader)
        method, path, _ = first.split(" ")
        number, self.requests = self.requests, self.requests + 1
        self.seen.append((path, headers))
        fault = self.faults(number, path)
        self.failed += fault is not None and fault[0] != "delay"
        kind, *rest = fault or (None,)
        if kind == "delay":
            await asyncio.sleep(rest[0])
        if kind == "status":
            status, more = rest[0], "".join(
                f"{k}: {v}\r\n" for k, v in (rest[1] if rest[1:] else {}).items())
            writer.write(f"HTTP/1.1 {status} Fault\r\n{more}"
                         "Content-Length: 5\r\n\r\nfault".encode())
            await writer.drain()
            return True
        if kind == "reset" and rest[0] == 0:
            self.reset(writer)
            return False
        return await self.forward(head, method, writer, kind,
                                  rest[0] if kind in ("cut", "reset", "stall")
                                  else None,
                                  rest[0] if kind == "corrupt" else -1)

    async def forward(self, head, method, writer, kind, most, wrong):
        up_reader, up_writer = await asyncio.open_connection(
            "127.0.0.1", self.upstream, limit=1 << 20)
        try:
            up_writer.write(head)
            up_head, _, headers = await read_head(up_reader)
            length = int(headers.get("content-length", 0))
            if method == "HEAD":
                length = 0
            writer.write(up_head)
            end = length if most is None else min(most, length)
            passed = 0
            while passed < end:
                data = await up_reader.read(min(end - passed, 65536))
                if not data:
                    return False
                if passed <= wrong < passed + len(data):
                    data = bytearray(data)
                    data[wrong - passed] ^= 0x10
                writer.write(data)
                await writer.drain()
                passed += len(data)
                self.bytes += len(data)
            if end == length:
                return True
            if kind == "stall":
                await asyncio.sleep(3600)
            if kind == "reset":
                self.reset(writer)
            return False
        finally:
            up_writer.close()
