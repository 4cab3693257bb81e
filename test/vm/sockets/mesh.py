# SPDX-License-Identifier: Apache-2.0
"""kmesh.ko with test/vm/sockets/steer.bpf.c as its eBPF side, and endpoints that remember what they got."""
import os
import socket
import subprocess
import threading
import time

SERVICE = ('127.0.0.1', 80)
SERVICE6 = ('::1', 80)
MAPPED = ('::ffff:127.0.0.1', 80)
MODULE = '/sys/module/kmesh'
SLOW = float(os.environ.get('SLOWNESS', '1'))
FALLBACK_MS = int(1000 * SLOW)


def until(true, what, seconds=10):
    """Waits for what another task brings about."""
    end = time.monotonic() + seconds * SLOW
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds * SLOW} s: {what}')
        time.sleep(0.002)


class Module:
    def __init__(self, file):
        self.file = file

    def insert(self):
        subprocess.run(['insmod', self.file, f'fallback_ms={FALLBACK_MS}'], check=True)

    def remove(self):
        return subprocess.run(['rmmod', 'kmesh'], capture_output=True, text=True)

    def counter(self, name):
        with open(f'{MODULE}/counters/{name}') as file:
            return int(file.read())

    def counters(self):
        return {name: self.counter(name) for name in os.listdir(f'{MODULE}/counters')}

    def set(self, name, value):
        with open(f'{MODULE}/parameters/{name}', 'w') as file:
            file.write(str(value))

    def get(self, name):
        with open(f'{MODULE}/parameters/{name}') as file:
            return file.read().strip()

    def references(self):
        with open(f'{MODULE}/refcnt') as file:
            return int(file.read())

    def is_in(self):
        return os.path.exists(MODULE)


class Steering:
    """The program test/vm/sockets/steer.c."""

    def __init__(self, program, bpf, cgroup):
        self.process = subprocess.Popen([program, bpf, cgroup], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == 'on\n'

    def ask(self, command):
        self.process.stdin.write(f'{command}\n')
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Received:
    """A connection at an endpoint."""

    def __init__(self, port):
        self.port = port
        self.data = bytearray()
        self.ended = False
        self.read_to = 0  # requests before this byte are answered

    def takes_request(self):
        """Is there a whole request that is not yet answered? It is from now on."""
        end = self.data.find(b'\r\n\r\n', self.read_to)
        if end < 0:
            return False
        length = 0
        for line in bytes(self.data[self.read_to:end]).lower().split(b'\r\n'):
            if line.startswith(b'content-length:'):
                length = int(line.split(b':')[1])
        if len(self.data) < end + 4 + length:
            return False
        self.read_to = end + 4 + length
        return True


class Endpoints:
    """Ports 8000 to 8002. Answers a request that is whole with the port, and remembers every byte."""

    def __init__(self):
        self.connections = []
        self.greeting = b''  # sent by port 8000 to who is silent: a protocol in which the server speaks first
        self.reading = threading.Event()
        self.reading.set()
        for port in (8000, 8001, 8002):
            listener = socket.socket(socket.AF_INET6)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(('::', port))
            listener.listen(4096)
            threading.Thread(target=self._accept, args=(listener, port), daemon=True).start()

    def _accept(self, listener, port):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._serve, args=(client, port), daemon=True).start()

    def _serve(self, client, port):
        received = Received(port)
        self.connections.append(received)
        with client:
            try:
                if self.greeting and port == 8000:
                    client.sendall(self.greeting)
                while self.reading.wait():
                    data = client.recv(65536)
                    if not data:
                        break
                    received.data += data
                    while received.takes_request():
                        client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%d' % port)
            except OSError:
                pass
            received.ended = True

    def of(self, mark):
        """The one connection that brought these bytes."""
        found = lambda: [one for one in list(self.connections) if mark in one.data]
        until(found, f'{mark[:40]!r} at an endpoint')
        assert len(found()) == 1
        return found()[0]


serial = 0


def mark():
    """Bytes that occur in one test only."""
    global serial
    serial += 1
    return b'mark-%06d' % serial


def request(path, body=b'', headers=b''):
    length = b'Content-Length: %d\r\n' % len(body) if body else b''
    return b'POST %s HTTP/1.1\r\nHost: web.test\r\n%s%s\r\n' % (path.encode(), length, headers) + body


def connected(address=SERVICE, blocking=True):
    sock = socket.socket(socket.AF_INET6 if ':' in address[0] else socket.AF_INET)
    sock.settimeout(30 * SLOW)
    if not blocking:
        sock.setblocking(False)
    sock.connect(address)
    return sock


def answer(sock, count=1):
    """The ports that answered."""
    data = b''
    while data.count(b'\r\n\r\n') < count or len(data) - data.rfind(b'\r\n\r\n') < 8:
        part = sock.recv(65536)
        if not part:
            raise AssertionError(f'connection ended after {data!r}')
        data += part
    return [int(part[:4]) for part in data.split(b'\r\n\r\n')[1:]]
