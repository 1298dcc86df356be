# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that is bad on purpose: it delays, crumbles, cuts, resets and falls silent.

    with FaultProxy(host, port) as proxy:
        proxy.up = Fault(cut_at=1000, how="reset")      # client to server; `down` is the other way
        sock = proxy.connected(lambda: socket.create_connection((proxy.host, proxy.port)))

Faults count for connections made after they were set. Bytes are never changed or reordered: TCP does neither.
"""
import random
import socket
import struct
import threading
import time


class Fault:
    """What happens to the bytes of one direction.

    piece: bytes a segment, 0: as they come; delay: seconds before each; cut_at: after so many bytes `how` happens:
    "reset" (RST to both), "close" (FIN to both), "half" (FIN to the receiver alone), "silence" (nothing more moves).
    """

    def __init__(self, piece=0, delay=0.0, cut_at=None, how=None):
        self.piece, self.delay, self.cut_at, self.how = piece, delay, cut_at, how


class FaultProxy:
    def __init__(self, host, port, seed=1):
        self.target = (host, port)
        self.up = self.down = Fault()
        self.random = random.Random(seed)
        self.moved = {"up": 0, "down": 0}  # bytes, all connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self._lock, self._pairs, self._threads, self._accepted = threading.Lock(), [], [], 0
        self._taken = threading.Condition(self._lock)

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()
        for thread in self._threads:
            thread.join(10)

    def cut_all(self):
        """Ends every connection, those that have fallen silent too."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for client, server, over in pairs:
            over.set()
            _shut(client, socket.SHUT_RDWR)
            _shut(server, socket.SHUT_RDWR)

    def connected(self, connect):
        """What connect() makes, as soon as the proxy has taken it with the faults of now."""
        with self._lock:
            before = self._accepted
        made = connect()
        with self._taken:
            self._taken.wait_for(lambda: self._accepted > before, 10)
        return made

    def _start(self, run, *args):
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target, 10)
            except OSError:
                return
            for s in (client, server):
                s.settimeout(None)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            over = threading.Event()
            ended = threading.Barrier(2)  # a socket is closed when both directions are through with it
            self._start(self._pump, client, server, self.up, "up", over, ended)
            self._start(self._pump, server, client, self.down, "down", over, ended)
            with self._taken:
                self._pairs.append((client, server, over))
                self._accepted += 1
                self._taken.notify_all()

    def _pump(self, source, sink, fault, name, over, ended):
        try:
            self._move(source, sink, fault, name, over)
        except OSError:
            _shut(source, socket.SHUT_RDWR)
            _shut(sink, socket.SHUT_RDWR)
        try:
            ended.wait(60)
        except threading.BrokenBarrierError:
            pass
        source.close()

    def _move(self, source, sink, fault, name, over):
        done = 0
        while True:
            data = source.recv(65536)
            if not data:
                _shut(sink, socket.SHUT_WR)
                return
            last = fault.cut_at is not None and done + len(data) >= fault.cut_at
            if last:
                data = data[:fault.cut_at - done]
            self._send(sink, data, fault)
            done += len(data)
            with self._lock:
                self.moved[name] += len(data)
            if last:
                self._cut(source, sink, fault.how, over)
                return

    def _send(self, sink, data, fault):
        size = fault.piece or len(data) or 1
        for i in range(0, len(data), size):
            if fault.delay:
                time.sleep(self.random.uniform(0, 2 * fault.delay))
            sink.sendall(data[i:i + size])

    def _cut(self, source, sink, how, over):
        if how == "reset":
            for s in (source, sink):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # The other direction may sleep in a call on it: connecting to nowhere resets at once, closing does not.
                _disconnect(s)
        elif how == "close":
            _shut(source, socket.SHUT_RDWR)
            _shut(sink, socket.SHUT_RDWR)
        elif how == "half":
            _shut(sink, socket.SHUT_WR)
        else:
            over.wait()  # silence, whatever the ends do


def _shut(s, how):
    try:
        s.shutdown(how)
    except OSError:
        pass


def _disconnect(s):
    """connect(AF_UNSPEC): with SO_LINGER of no time the kernel sends a reset."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    nowhere = struct.pack("H14x", socket.AF_UNSPEC)
    libc.connect(s.fileno(), nowhere, len(nowhere))
