#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`client.py raw|http.client|epoll|asyncio REQUESTS_JSON`: sends each request on a connection of its own.

Prints a JSON object a line: the request's name, and `endpoint` with the answer of backends.mjs, or `error` by name.
`raw` knows every kind of case; the others send the bytes of whole requests only.
"""
import asyncio
import errno
import hashlib
import http.client
import json
import select
import socket
import ssl
import struct
import sys
import time

TIMEOUT = 60


def body_of(request):
    return (b"abcdefghijklmnopqrstuvwxyz" * (request["body"] // 26 + 1))[: request["body"]]


def head_of(request):
    lines = ["%s %s HTTP/1.1" % (request["method"], request["target"])]
    lines += ["%s: %s" % (name, value) for name, value in request["headers"]]
    if request["body"]:
        lines.append("Content-Length: %d" % request["body"])
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def family_of(request):
    return socket.AF_INET6 if ":" in request["address"] else socket.AF_INET


def answer_of(head, body):
    """The endpoint, from the header that also answers to HEAD have, and what it says that it got."""
    fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    return {"endpoint": fields["X-Endpoint"], "got": json.loads(body) if body else None}


def parse_answer(received, request):
    """The answer in what was received, or None while it is not whole."""
    if b"\r\n\r\n" not in received:
        return None
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])["content-length"])
    if request["method"] == "HEAD":
        return answer_of(head, b"")
    return answer_of(head, body) if len(body) >= length else None


def read_answer(connection, request):
    received = b""
    while True:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("ended after %d bytes" % len(received))
        received += part
        answer = parse_answer(received, request)
        if answer is not None:
            return answer


def connect(request):
    connection = socket.socket(family_of(request), socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT)
    connection.connect((request["address"], request["port"]))
    return connection


def send_parts(request):
    """Bytes that are no request, with pauses; whatever comes back until the other side ends, or one JSON line."""
    with connect(request) as connection:
        sent = b""
        for part in request["raw"]:
            if isinstance(part, int):
                time.sleep(part / 1000)
            else:
                sent += part.encode("latin-1")
                connection.sendall(part.encode("latin-1"))
        if request.get("shutdown"):
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while not received.endswith(b"}") and not received.endswith(b"}\n"):
            part = connection.recv(65536)
            if not part:
                break
            received += part
        got = json.loads(received[received.index(b"{"):])
        if "raw" in got and got["raw"] != {"bytes": len(sent), "sha256": hashlib.sha256(sent).hexdigest()}:
            raise ConnectionError("the backend got %d of %d bytes" % (got["raw"]["bytes"], len(sent)))
        return {"endpoint": got["endpoint"], "got": got}


def send_over_tls(request):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connect(request), server_hostname="proof.test") as connection:
        connection.sendall(head_of(request))
        return read_answer(connection, request)


def frame(kind, flags, stream, payload):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def send_over_http2(request):
    """RFC 9113 by hand: preface, SETTINGS, and a header block of static and literal entries (RFC 7541)."""
    authority, target = request["headers"][0][1].encode(), request["target"].encode()
    literal = lambda index, value: bytes([index, len(value)]) + value
    block = b"\x82\x86" + literal(0x04, target) + literal(0x01, authority)
    with connect(request) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, block))
        stream = connection.makefile("rb")
        while True:
            header = stream.read(9)
            if len(header) < 9:
                raise ConnectionError("no answer")
            payload = stream.read(int.from_bytes(header[:3], "big"))
            if header[3] == 0 and payload:
                got = json.loads(payload)
                return {"endpoint": got["endpoint"], "got": got}


def raw(request):
    if "raw" in request:
        return send_parts(request)
    if request.get("over") == "tls":
        return send_over_tls(request)
    if request.get("over") == "http2":
        return send_over_http2(request)
    with connect(request) as connection:
        connection.sendall(head_of(request) + body_of(request))
        return read_answer(connection, request)


def with_http_client(request):
    connection = http.client.HTTPConnection(request["address"], request["port"], timeout=TIMEOUT)
    connection.putrequest(request["method"], request["target"], skip_host=True, skip_accept_encoding=True)
    for name, value in request["headers"]:
        connection.putheader(name, value)
    if request["body"]:
        connection.putheader("Content-Length", str(request["body"]))
    connection.endheaders(body_of(request) or None)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return {"endpoint": response.headers["X-Endpoint"], "got": json.loads(body)}


def with_epoll(request):
    """Edge-triggered and non-blocking, as event loops in C do it: write until EAGAIN, read until EAGAIN."""
    poll = select.epoll()
    connection = socket.socket(family_of(request), socket.SOCK_STREAM)
    connection.setblocking(False)
    outcome = connection.connect_ex((request["address"], request["port"]))
    if outcome not in (0, errno.EINPROGRESS):
        raise OSError(outcome, "connect")
    poll.register(connection, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET)
    pending, received = head_of(request) + body_of(request), b""
    while True:
        events = poll.poll(TIMEOUT)
        if not events:
            raise TimeoutError("no event, %d bytes unsent" % len(pending))
        try:
            while pending:
                pending = pending[connection.send(pending):]
        except BlockingIOError:
            pass
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    raise ConnectionError("ended after %d bytes" % len(received))
                received += part
        except BlockingIOError:
            pass
        answer = parse_answer(received, request)
        if answer is not None:
            poll.close()
            connection.close()
            return answer


async def with_asyncio(request):
    reader, writer = await asyncio.open_connection(request["address"], request["port"])
    # Asked for before anything is sent: the service address, although nothing is connected yet.
    peer = writer.get_extra_info("peername")
    if peer is None or peer[0] != request["address"]:
        raise ConnectionError("peername is %r" % (peer,))
    writer.write(head_of(request) + body_of(request))
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    length = int(dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])["content-length"])
    answer = answer_of(head, b"" if request["method"] == "HEAD" else await reader.readexactly(length))
    writer.close()
    return answer


def report(request, outcome):
    if isinstance(outcome, OSError):
        outcome = {"error": errno.errorcode.get(outcome.errno, "%s: %s" % (type(outcome).__name__, outcome))}
    print(json.dumps(dict(outcome, name=request["name"])), flush=True)


async def all_at_once(requests):
    outcomes = await asyncio.gather(*(asyncio.wait_for(with_asyncio(request), TIMEOUT) for request in requests), return_exceptions=True)
    for request, outcome in zip(requests, outcomes):
        if isinstance(outcome, BaseException) and not isinstance(outcome, OSError):
            raise outcome
        report(request, outcome)


def one_by_one(send, requests):
    for request in requests:
        try:
            report(request, send(request))
        except OSError as error:
            report(request, error)


def main():
    kind, file = sys.argv[1:]
    with open(file) as text:
        requests = json.load(text)
    if kind == "asyncio":
        asyncio.run(all_at_once(requests))
    else:
        one_by_one({"raw": raw, "http.client": with_http_client, "epoll": with_epoll}[kind], requests)


main()
