#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`idle.py COUNT`: holds COUNT connections to a service, and sends nothing on one half and part of a head on the other.

Says `connected`, then does what it reads, a line each, and answers with a line: `close N` closes the first N; `ask` ends the
head on each of the others and says how many answers came from which endpoint.
"""
import resource
import socket
import sys

HEAD = b"GET /healthz HTTP/1.1\r\nHost: shop.test\r\n\r\n"

resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
sockets = []
for i in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_INET6 if i % 2 else socket.AF_INET)
    s.settimeout(60)
    s.connect(("fd00:10:96:1::10" if i % 2 else "10.96.1.10", 80))
    sent = HEAD[: i % 4 // 2 * 10]
    if sent:
        s.sendall(sent)
    sockets.append((s, HEAD[len(sent):]))
print("connected", flush=True)

for line in sys.stdin:
    command, *count = line.split()
    if command == "close":
        for s, _ in sockets[: int(count[0])]:
            s.close()
        del sockets[: int(count[0])]
        print("closed", flush=True)
    elif command == "ask":
        endpoints = {}
        for s, rest in sockets:
            s.sendall(rest)
        for s, _ in sockets:
            name = s.recv(65536).split(b"X-Endpoint: ")[1].split(b"\r\n")[0].decode()
            endpoints[name] = endpoints.get(name, 0) + 1
        print(" ".join("%s=%d" % item for item in sorted(endpoints.items())), flush=True)
