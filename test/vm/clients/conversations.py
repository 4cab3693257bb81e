#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`conversations.py`: connections that do what well-behaved clients do not. Prints {"name", "ok", "detail"} a line.

Each connection is one whose head leads to the endpoint health-1, unless it says otherwise.
"""
import contextlib
import ctypes
import errno
import hashlib
import json
import os
import random
import select
import socket
import struct
import tempfile
import threading
import time

V4, V6 = ("10.96.1.10", 80), ("fd00:10:96:1::10", 80)
GREETER = ("10.96.1.40", 9080)
TIMEOUT = 60
MSG_FASTOPEN = 0x20000000

HEAD = b"GET /healthz HTTP/1.1\r\nHost: shop.test\r\nX-Cut: here\r\n\r\n"
conversations = []


def conversation(function):
    conversations.append(function)
    return function


@contextlib.contextmanager
def connected(to=V4, blocking=True):
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(TIMEOUT)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not blocking:
            s.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            s.connect(to)
        yield s


class Answers:
    """What comes back on one connection, answer by answer."""

    def __init__(self, s):
        self.socket, self.received = s, b""

    def more(self):
        if self.socket.gettimeout() == 0:
            select.select([self.socket], [], [], TIMEOUT)
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("ended after %r" % self.received[:80])
        self.received += part

    def next(self):
        while b"\r\n\r\n" not in self.received:
            self.more()
        head, rest = self.received.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.received = rest
        while len(self.received) < length:
            self.more()
        body, self.received = self.received[:length], self.received[length:]
        return json.loads(body)


def expect(found, wanted):
    if found != wanted:
        raise AssertionError("%r instead of %r" % (found, wanted))


def expect_health(answer, target="/healthz"):
    expect((answer["endpoint"], answer["target"]), ("health-1", target))


def send_all(s, data):
    """Also on a socket that does not block: waits until it takes more."""
    while data:
        try:
            data = data[s.send(data):]
        except BlockingIOError:
            select.select([], [s], [], TIMEOUT)


def in_two(to, blocking):
    for cut in range(1, len(HEAD)):
        with connected(to, blocking) as s:
            send_all(s, HEAD[:cut])
            send_all(s, HEAD[cut:])
            answer = Answers(s).next()
            expect_health(answer)
            expect(answer["headers"], [["Host", "shop.test"], ["X-Cut", "here"]])


@conversation
def heads_in_two_sends_at_every_byte():
    in_two(V4, True)


@conversation
def heads_in_two_sends_at_every_byte_over_ipv6_without_blocking():
    in_two(V6, False)


@conversation
def head_byte_by_byte():
    for to, blocking in ((V4, True), (V6, True), (V4, False)):
        with connected(to, blocking) as s:
            for i in range(len(HEAD)):
                send_all(s, HEAD[i:i + 1])
            expect_health(Answers(s).next())


@conversation
def long_heads_in_random_pieces():
    rng = random.Random(4)
    for _ in range(20):
        fields = b"".join(b"X-%d: %s\r\n" % (i, b"v" * rng.randrange(1000)) for i in range(40))
        head = HEAD[:-2] + fields + b"\r\n"
        with connected() as s:
            while head:
                size = rng.randrange(1, 4000)
                s.sendall(head[:size])
                head = head[size:]
            answer = Answers(s).next()
            expect_health(answer)
            expect(len(answer["headers"]), 42)


@conversation
def pipelined_requests_in_one_send_and_cut_anywhere():
    targets = ["/healthz", "/healthz?second", "/files/third"]
    text = b"".join(b"GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n" % target.encode() for target in targets)
    for cut in [len(text)] + list(range(1, len(text), 7)):
        with connected() as s:
            s.sendall(text[:cut])
            s.sendall(text[cut:])
            answers = Answers(s)
            # The first decides for the connection.
            for target in targets:
                expect_health(answers.next(), target)


def post(body):
    return b"POST /healthz HTTP/1.1\r\nHost: shop.test\r\nContent-Length: %d\r\n\r\n" % len(body)


def expect_body(answer, body):
    expect_health(answer)
    expect(answer["body"], {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})


@conversation
def bodies_of_300_kb():
    body = random.Random(5).randbytes(300_000)
    whole = post(body) + body
    for to, blocking, cut in ((V4, True, 0), (V4, True, 20), (V6, True, len(whole) - 1), (V4, False, 0), (V6, False, 100)):
        with connected(to, blocking) as s:
            send_all(s, whole[:cut])
            send_all(s, whole[cut:])
            expect_body(Answers(s).next(), body)


@conversation
def head_and_body_by_sendfile_writev_and_splice():
    body = random.Random(6).randbytes(100_000)
    with tempfile.TemporaryFile() as file:
        file.write(post(body) + body)
        size = file.tell()
        for start in (0, 30):
            with connected() as s:
                file.seek(0)
                s.sendall(file.read(start))
                offset = start
                while offset < size:
                    offset += os.sendfile(s.fileno(), file.fileno(), offset, size - offset)
                expect_body(Answers(s).next(), body)
    with connected() as s:
        pieces = [HEAD[i:i + 1] for i in range(len(HEAD))]
        expect(s.sendmsg(pieces), len(HEAD))
        expect_health(Answers(s).next())
    with connected() as s:
        read, write = os.pipe()
        os.write(write, HEAD)
        libc = ctypes.CDLL(None, use_errno=True)
        expect(libc.splice(read, None, s.fileno(), None, ctypes.c_size_t(len(HEAD)), 0), len(HEAD))
        expect_health(Answers(s).next())
        os.close(read)
        os.close(write)


@conversation
def half_closed_after_the_request():
    for to in (V4, V6):
        with connected(to) as s:
            s.sendall(HEAD)
            s.shutdown(socket.SHUT_WR)
            answers = Answers(s)
            expect_health(answers.next())
            expect(s.recv(1), b"")


@conversation
def half_closed_before_the_first_byte():
    with connected() as s:
        s.shutdown(socket.SHUT_WR)
        expect(s.recv(1), b"")


@conversation
def server_speaks_first():
    began = time.monotonic()
    with connected(GREETER) as s:
        expect(s.recv(100), b"220 greeter-1\r\n")
    waited = time.monotonic() - began
    with connected(GREETER, blocking=False) as s:
        poll = select.epoll()
        poll.register(s, select.EPOLLIN | select.EPOLLET)
        expect([bool(events & select.EPOLLIN) for _, events in poll.poll(TIMEOUT)], [True])
        expect(s.recv(100), b"220 greeter-1\r\n")
    if waited < 0.9:
        raise AssertionError("it was not held back: the greeting came after %.2f s" % waited)


@conversation
def one_thread_reads_before_another_sends():
    with connected() as s:
        got = []
        reader = threading.Thread(target=lambda: got.append(Answers(s).next()))
        reader.start()
        # Long enough for the reader to be inside recv(), short of the fallback time.
        time.sleep(0.2)
        s.sendall(HEAD)
        reader.join()
        expect_health(got[0])


@conversation
def a_child_process_sends():
    with connected() as s:
        pid = os.fork()
        if pid == 0:
            s.sendall(HEAD)
            os._exit(0)
        os.waitpid(pid, 0)
        expect_health(Answers(s).next())


@conversation
def the_client_is_killed():
    for sent in (b"", HEAD[:20]):
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            with connected() as s:
                s.sendall(sent)
                os.write(told, b".")
                time.sleep(TIMEOUT)
            os._exit(0)
        os.read(ready, 1)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(told)


@conversation
def dissolved_and_connected_again():
    unspec = struct.pack("H", socket.AF_UNSPEC) + b"\0" * 14
    libc = ctypes.CDLL(None, use_errno=True)
    with connected() as s:
        expect(libc.connect(s.fileno(), unspec, len(unspec)), 0)
        s.connect(V4)
        s.sendall(HEAD)
        expect_health(Answers(s).next())


@conversation
def connected_twice():
    with connected(blocking=False) as s:
        expect(s.connect_ex(V4), errno.EISCONN)
        send_all(s, HEAD)
        expect_health(Answers(s).next())
    # One that blocks waits until something is connected: at the latest when the fallback time is over.
    with connected() as s:
        if s.connect_ex(V4) not in (0, errno.EISCONN):
            raise AssertionError("a second connect() fails")
        s.sendall(HEAD)
        if Answers(s).next()["endpoint"] not in ("health-1", "fallback-1", "fallback-2"):
            raise AssertionError("it leads somewhere else")


@conversation
def data_with_the_connect():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        expect(s.sendto(HEAD, MSG_FASTOPEN, V4), len(HEAD))
        expect_health(Answers(s).next())


@conversation
def data_with_the_connect_without_blocking():
    for to in (V4, V6):
        with socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM) as s:
            s.setblocking(False)
            # EINPROGRESS: nothing of it was taken, and it is sent again once the socket is writable.
            sent = 0
            with contextlib.suppress(BlockingIOError):
                sent = s.sendto(HEAD, MSG_FASTOPEN, to)
            select.select([], [s], [], TIMEOUT)
            send_all(s, HEAD[sent:])
            expect_health(Answers(s).next())


@conversation
def data_with_the_connect_and_closed_at_once():
    for to in (V4, V6):
        for data in (HEAD, HEAD[:20], b"x"):
            with socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM) as s:
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.sendto(data, MSG_FASTOPEN, to)


@conversation
def options_and_names_while_it_is_held_back():
    with connected() as s:
        expect(s.getpeername(), V4)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        expect(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
        s.sendall(HEAD)
        expect_health(Answers(s).next())
        expect(s.getpeername(), V4)


@conversation
def port_scanners():
    for i in range(300):
        with connected(V6 if i % 2 else V4, blocking=i % 3 > 0) as s:
            if i % 4 == 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if i % 5 == 0:
                expect([len(part) for part in select.select([], [s], [], TIMEOUT)], [0, 1, 0])
            if i % 7 == 0:
                s.sendall(b"GE")


def references():
    """Of the module: one for each connection that it holds, and for whoever listens to its tracepoint."""
    with open("/sys/module/kmesh/refcnt") as file:
        return int(file.read())


def settled(before):
    """Connections are let go a moment after their end: gives them the time."""
    deadline = time.monotonic() + TIMEOUT
    while references() != before and time.monotonic() < deadline:
        time.sleep(0.1)
    expect("%d references to the module" % references(), "%d references to the module" % before)


def main():
    for function in conversations:
        outcome = {"name": function.__name__.replace("_", " "), "ok": True}
        before = references()
        try:
            function()
            settled(before)
        except (OSError, AssertionError) as error:
            outcome.update(ok=False, detail="%s: %s" % (type(error).__name__, error))
        print(json.dumps(outcome), flush=True)


main()
