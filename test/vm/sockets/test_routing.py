# SPDX-License-Identifier: Apache-2.0
"""The first request decides, however it is sent."""
import contextlib
import errno
import os
import socket
import struct
import threading

from case import Case
import case
import uring
from mesh import MAPPED, SERVICE, SERVICE6, SLOW, answer, connected, mark, request


@contextlib.contextmanager
def blocking(sock):
    """A socket with a time limit is a non-blocking one to the kernel, and calls by its number may say EAGAIN."""
    limit = sock.gettimeout()
    sock.settimeout(None)
    try:
        yield
    finally:
        sock.settimeout(limit)


class Routing(Case):
    def test_by_path_over_every_family(self):
        for address in (SERVICE, SERVICE6, MAPPED):
            for letter, port in (('a', 8001), ('b', 8002), ('c', 8000)):
                with connected(address) as sock:
                    sock.sendall(request(f'/{letter}'))
                    self.assertEqual(answer(sock), [port])
        self.counted(complete=9)

    def test_first_request_of_a_connection_decides(self):
        with connected() as sock:
            for letter in 'abc':
                sock.sendall(request(f'/{letter}'))
                self.assertEqual(answer(sock), [8001])
        self.counted(complete=1)

    def test_pipelined_requests(self):
        with connected() as sock:
            sock.sendall(request('/b') + request('/a') + request('/c'))
            self.assertEqual(answer(sock, 3), [8002] * 3)

    def test_large_body_in_the_same_send(self):
        body = mark() + os.urandom(300_000)
        with connected() as sock:
            sock.sendall(request('/a', body))
            self.assertEqual(answer(sock), [8001])
        self.assertEqual(case.endpoints.of(body[:11]).data, request('/a', body))

    def test_upgrade_is_a_plain_stream_after_the_head(self):
        token = mark()
        with connected() as sock:
            sock.sendall(request('/a', headers=b'Upgrade: websocket\r\nConnection: Upgrade\r\n'))
            answer(sock)
            sock.sendall(token + b'\0\xff')
            case.endpoints.of(token + b'\0\xff')

    def test_many_clients_at_once(self):
        wrong = []

        def client():
            for _ in range(20):
                for letter, port in (('a', 8001), ('b', 8002)):
                    with connected() as sock:
                        sock.sendall(request(f'/{letter}'))
                        if answer(sock) != [port]:
                            wrong.append(letter)

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.counted(complete=320)

    def test_forked_child_sends_and_parent_reads(self):
        with connected() as sock:
            child = os.fork()
            if not child:
                sock.sendall(request('/b'))
                os._exit(0)
            self.assertEqual(answer(sock), [8002])
            os.waitpid(child, 0)


class KindsOfSend(Case):
    def test_writev(self):
        head = request('/a')
        with connected() as sock:
            os.writev(sock.fileno(), [head[:1], b'', head[1:20], head[20:]])
            self.assertEqual(answer(sock), [8001])

    def test_sendfile_and_splice(self):
        body = mark() + os.urandom(100_000)
        path = '/tmp/kmesh-request'
        with open(path, 'wb') as file:
            file.write(request('/b', body))
        size = os.path.getsize(path)
        with connected() as sock, open(path, 'rb') as file:
            done = 0
            with blocking(sock):
                while done < size:
                    done += os.sendfile(sock.fileno(), file.fileno(), done, size - done)
            self.assertEqual(answer(sock), [8002])
        with connected() as sock, open(path, 'rb') as file:
            reading, writing = os.pipe()
            done = 0
            while done < size:
                part = os.splice(file.fileno(), writing, size - done)
                with blocking(sock):
                    while part:
                        part -= os.splice(reading, sock.fileno(), part)
                done = file.tell()
            self.assertEqual(answer(sock), [8002])
            os.close(reading)
            os.close(writing)
        os.unlink(path)

    def test_zero_copy_reports_what_it_sent(self):
        SO_ZEROCOPY, MSG_ZEROCOPY, MSG_ERRQUEUE = 60, 0x4000000, 0x2000
        for parts in ([request('/a')], [request('/a')[:10], request('/a')[10:]]):
            with connected() as sock:
                sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
                for part in parts:
                    self.assertEqual(sock.send(part, MSG_ZEROCOPY), len(part))
                self.assertEqual(answer(sock), [8001 if len(parts) == 1 else 8000])
                _, messages, _, _ = sock.recvmsg(1, 256, MSG_ERRQUEUE)
                low_high = messages[0][2][8:16]
                self.assertEqual((low_high[:4], low_high[4:]), (bytes(4), bytes([len(parts) - 1, 0, 0, 0])))

    def test_fast_open(self):
        MSG_FASTOPEN, TCP_FASTOPEN_CONNECT = 0x20000000, 30
        for first, port in ((request('/a'), 8001), (b'POST /a HT', 8000)):
            with socket.socket() as sock:
                self.assertEqual(sock.sendto(first, MSG_FASTOPEN, SERVICE), len(first))
                sock.sendall(request('/a')[len(first):])
                self.assertEqual(answer(sock), [port])
        with socket.socket() as sock:
            sock.settimeout(30 * SLOW)
            sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
            sock.connect(SERVICE)
            sock.sendall(request('/b'))
            self.assertEqual(answer(sock), [8002])
        self.counted(complete=2, too_late=1)

    def test_io_uring(self):
        ring = uring.Ring()
        head = request('/b')
        with socket.socket() as sock:
            self.assertEqual(ring.connect(sock, struct.pack('=H2s4s8x', socket.AF_INET, b'\0\x50', bytes([127, 0, 0, 1]))), 0)
            for part in (head[:9], head[9:]):
                self.assertEqual(ring.send(sock, part), len(part))
            self.assertRegex(ring.recv(sock), b'8002$')
        for parts in ([head], [head[:9], head[9:]]):
            with connected() as sock:
                for part in parts:
                    if ring.send_zero_copy(sock, part) == -errno.EINVAL:
                        self.skipTest('no zero copy by io_uring in this kernel')
                self.assertRegex(ring.recv(sock), b'8002$')

    def test_empty_send_decides_nothing(self):
        with connected() as sock:
            self.assertEqual(sock.send(b''), 0)
            self.assertEqual(case.module.counter('deferred'), 1)
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])
