# SPDX-License-Identifier: Apache-2.0
"""Heads that come in several sends: no byte lost, none out of its order, nobody blocked."""
import os
import random
import select
import threading
import time

from case import Case
import case
from mesh import FALLBACK_MS, SLOW, answer, connected, mark, request


def send_all_without_blocking(sock, data):
    """As an event loop does."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while data:
        try:
            data = data[sock.send(data):]
        except BlockingIOError:
            poll.poll()


class SplitHeads(Case):
    def test_at_every_byte_boundary(self):
        for cut in range(1, len(request('/a')) - 1):
            token = mark()
            whole = request('/a', token)
            with connected() as sock:
                self.assertEqual(sock.send(whole[:cut]), cut)
                sock.sendall(whole[cut:])
                self.assertEqual(answer(sock), [8001], f'cut at {cut}')
            self.assertEqual(case.endpoints.of(token).data, whole)

    def test_byte_by_byte(self):
        for blocking in (True, False):
            token = mark()
            whole = request('/b', token)
            with connected(blocking=blocking) as sock:
                for index in range(len(whole)):
                    send_all_without_blocking(sock, whole[index:index + 1])
                sock.settimeout(30 * SLOW)
                self.assertEqual(answer(sock), [8002])
            self.assertEqual(case.endpoints.of(token).data, whole)
        self.counted(complete=2, split=2)

    def test_random_cuts_and_large_bodies(self):
        chance = random.Random(4)
        for _ in range(30):
            token = mark()
            head = b''.join(b'X-%d: %s\r\n' % (i, b'v' * chance.randrange(400)) for i in range(chance.randrange(40)))
            whole = request('/a', token + os.urandom(chance.randrange(200_000)), head)
            with connected() as sock:
                rest = whole
                while rest:
                    cut = chance.choice((1, 7, 100, 3000, len(rest)))
                    sock.sendall(rest[:cut])
                    rest = rest[cut:]
                self.assertEqual(answer(sock), [8001])
            self.assertEqual(case.endpoints.of(token).data, whole)

    def test_sends_of_partial_heads_do_not_wait(self):
        with connected(blocking=False) as sock:
            begin = time.monotonic()
            for part in (b'POST /a HTT', b'P/1.1\r\nHost:', b' web.test\r\n'):
                self.assertEqual(sock.send(part), len(part))
            self.assertLess(time.monotonic() - begin, 0.5 * SLOW)
            send_all_without_blocking(sock, b'\r\n')
            sock.settimeout(30 * SLOW)
            self.assertEqual(answer(sock), [8001])

    def test_two_threads_that_send_at_once(self):
        for _ in range(20):
            token = mark()
            with connected() as sock:
                sock.sendall(b'POST /a HTTP/1.1\r\nHost: web.test\r\n')

                def lines(name):
                    for index in range(30):
                        sock.sendall(b'%s-%d: %s\r\n' % (name, index, token))

                threads = [threading.Thread(target=lines, args=(name,)) for name in (b'x', b'y')]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                sock.sendall(b'\r\n')
                self.assertEqual(answer(sock), [8001])
            got = case.endpoints.of(token).data.split(b'\r\n')
            for name in (b'x-', b'y-'):
                wanted = [b'%s%d: %s' % (name, index, token) for index in range(30)]
                self.assertEqual([line for line in got if line.startswith(name)], wanted)

    def test_threads_of_which_one_completes_the_head(self):
        """Every send is contiguous, and the held bytes come first, whoever completes the head."""
        for _ in range(40):
            token = mark()
            with connected() as sock:
                sock.sendall(b'POST /a HTTP/1.1\r\nHost: web.test\r\nContent-Length: 12')
                threads = [threading.Thread(target=sock.sendall, args=(b'0\r\n\r\n' + token * 4,)) for _ in range(3)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(answer(sock), [8001])
                connection = case.endpoints.of(token)
                wanted = b'POST /a HTTP/1.1\r\nHost: web.test\r\nContent-Length: 12' + (b'0\r\n\r\n' + token * 4) * 3
                self.assertEqual(connection.data[:len(wanted)], wanted)

    def test_corked_head(self):
        TCP_CORK = 3
        with connected() as sock:
            sock.setsockopt(6, TCP_CORK, 1)
            for part in (b'POST /b HTTP/1.1\r\n', b'Host: web.test\r\n', b'\r\n'):
                sock.sendall(part)
            sock.setsockopt(6, TCP_CORK, 0)
            self.assertEqual(answer(sock), [8002])

    def test_delayed_acknowledgements_do_not_hold_bytes_up(self):
        TCP_QUICKACK = 12
        with connected() as sock:
            sock.setsockopt(6, TCP_QUICKACK, 0)
            sock.sendall(b'POST /b HTTP/1.1\r\nHost: web.test\r\n')
            sock.sendall(b'\r\n')
            self.assertEqual(answer(sock), [8002])


class Limits(Case):
    def test_tls_and_http2_are_known_by_their_first_bytes(self):
        hello = b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + mark()
        preface = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + mark()
        other = b'\x01\x02\x03\x04' + mark()
        for first, counter in ((hello, 'tls'), (preface, 'http2'), (other, 'not_http')):
            before = case.module.counter(counter)
            with connected() as sock:
                begin = time.monotonic()
                sock.sendall(first)
                connection = case.endpoints.of(first[-11:])
                self.assertLess(time.monotonic() - begin, 0.8 * SLOW)
                self.assertEqual((connection.port, connection.data), (8000, first))
            self.assertEqual(case.module.counter(counter), before + 1)

    def test_too_large_in_one_send_and_in_many(self):
        head = b'X: ' + b'v' * 40_000
        for step in (50_000, 1000):
            token = mark()
            whole = request('/a', token, head + b'\r\n')
            with connected() as sock:
                for at in range(0, len(whole), step):
                    sock.sendall(whole[at:at + step])
                self.assertEqual(answer(sock), [8000])
            self.assertEqual(case.endpoints.of(token).data, whole)
        self.counted(too_large=2)

    def test_too_late(self):
        token = mark()
        with connected() as sock:
            sock.sendall(b'POST /a HTTP/1.1\r\n' + b'X: ' + token)
            self.assertEqual(case.endpoints.of(token).port, 8000)
            sock.sendall(b'\r\nHost: b\r\n\r\n')
            self.assertEqual(answer(sock), [8000])
        self.assertEqual(case.endpoints.of(token).data, b'POST /a HTTP/1.1\r\nX: ' + token + b'\r\nHost: b\r\n\r\n')
        self.counted(too_late=1)

    def test_bad_head(self):
        token = mark()
        whole = b'GET /a HTTP/1.1\r\nHost b\r\n' + token
        with connected() as sock:
            sock.sendall(whole)
            self.assertEqual((case.endpoints.of(token).port, case.endpoints.of(token).data), (8000, whole))
        self.counted(bad=1)

    def test_limits_are_parameters(self):
        case.module.set('head_max', 1024)
        case.module.set('fallback_ms', 20)
        try:
            with connected() as sock:
                sock.sendall(request('/a', headers=b'X: ' + b'v' * 1100 + b'\r\n'))
                self.assertEqual(answer(sock), [8000])
            with connected() as sock:
                sock.sendall(b'GET /')
                self.assertEqual(case.module.counter('deferred'), 1)
                begin = time.monotonic()
                while case.module.counter('deferred'):
                    self.assertLess(time.monotonic() - begin, 0.9 * SLOW)
        finally:
            case.module.set('head_max', 32768)
            case.module.set('fallback_ms', FALLBACK_MS)
        self.counted(too_large=1, too_late=1)
        for name, value in (('head_max', 1023), ('head_max', 65537), ('fallback_ms', 9), ('fallback_ms', 'x'), ('accepting', 'x')):
            with self.assertRaises(OSError):
                case.module.set(name, value)
        with self.assertRaises(OSError):
            case.module.set('abi', 2)
