# SPDX-License-Identifier: Apache-2.0
"""close(), shutdown() and death, at every moment."""
import os
import queue
import random
import select
import signal
import socket
import struct
import threading
import time

from case import Case
import case
from mesh import FALLBACK_MS, MAPPED, SERVICE, SERVICE6, SLOW, answer, connected, mark, request, until


def killed_child(action):
    """Runs this in a child, and kills it then."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        kept = action()
        os.write(writing, b'x')
        signal.pause()
        os._exit(kept is None)
    os.read(reading, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)


class Closing(Case):
    def test_port_scanners(self):
        seen = len(case.endpoints.connections)
        for address in (SERVICE, SERVICE6, MAPPED) * 100:
            connected(address).close()
        self.assertEqual(case.module.counter('deferred'), 0)
        self.assertEqual(len(case.endpoints.connections), seen)
        self.counted(closed=300)

    def test_close_right_after_the_request(self):
        for _ in range(50):
            token = mark()
            sock = connected()
            sock.sendall(request('/a', token))
            sock.close()
            connection = case.endpoints.of(token)
            self.assertEqual((connection.port, connection.data), (8001, request('/a', token)))
            until(lambda: connection.ended, 'the end of the connection')

    def test_close_after_the_last_part_of_a_head(self):
        for _ in range(50):
            token = mark()
            sock = connected(blocking=False)
            for part in (b'POST /b HTTP/1.1\r\nHost: web.test\r\n', b'X: ' + token, b'\r\n\r\n'):
                self.assertEqual(sock.send(part), len(part))
            sock.close()
            connection = case.endpoints.of(token)
            until(lambda: connection.ended, 'the end of the connection')
            self.assertEqual((connection.port, connection.data[-4:]), (8002, b'\r\n\r\n'))

    def test_close_with_half_a_head(self):
        for address in (SERVICE, SERVICE6, MAPPED):
            token = mark()
            sock = connected(address)
            sock.sendall(b'POST /' + token)
            sock.close()
            connection = case.endpoints.of(token)
            self.assertEqual((connection.port, connection.data), (8000, b'POST /' + token))
            until(lambda: connection.ended, 'the end of the connection')
        self.counted(cut=3)

    def test_close_that_aborts(self):
        token = mark()
        sock = connected()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.sendall(b'POST /' + token)
        sock.close()
        self.assertEqual(case.module.counter('deferred'), 0)
        self.counted(closed=1)

    def test_close_that_lingers(self):
        token = mark()
        sock = connected()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 5))
        sock.sendall(request('/a', token))
        sock.close()
        self.assertEqual(case.endpoints.of(token).data, request('/a', token))

    def test_killed_clients(self):
        token = mark()
        killed_child(lambda: connected())
        self.assertEqual(case.module.counter('deferred'), 0)

        def half():
            sock = connected()
            sock.sendall(b'POST /' + token)
            return sock

        killed_child(half)
        self.assertEqual(case.endpoints.of(token).data, b'POST /' + token)

    def test_killed_reader(self):
        """The socket lives on in its other process."""
        with connected() as sock:
            sock.settimeout(None)
            child = os.fork()
            if not child:
                sock.recv(1)
                os._exit(0)
            until(lambda: 'S (sleeping)' in open(f'/proc/{child}/status').read(), 'the child waits')
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sock.settimeout(30 * SLOW)
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])


class HalfClosing(Case):
    def test_after_the_request(self):
        for blocking in (True, False):
            token = mark()
            with connected(blocking=blocking) as sock:
                while True:
                    try:
                        self.assertEqual(sock.send(request('/b', token)), len(request('/b', token)))
                        break
                    except BlockingIOError:
                        select.select([], [sock], [])
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(30 * SLOW)
                self.assertEqual(answer(sock), [8002])
                self.assertEqual(sock.recv(1), b'')
            self.assertTrue(case.endpoints.of(token).ended)

    def test_after_half_a_head_and_after_nothing(self):
        for first in (b'POST /a HTTP/1.1\r\nX: ' + mark(), b''):
            seen = len(case.endpoints.connections)
            with connected() as sock:
                sock.sendall(first)
                sock.shutdown(socket.SHUT_WR)
                self.assertRaises(BrokenPipeError, sock.send, b'x')
                self.assertEqual(sock.recv(1), b'')
            until(lambda: len(case.endpoints.connections) > seen, 'a connection')
            connection = case.endpoints.connections[-1]
            until(lambda: connection.ended, 'its end')
            self.assertEqual((connection.port, connection.data), (8000, first))
        self.counted(cut=2)

    def test_after_the_last_part_of_a_head(self):
        token = mark()
        with connected() as sock:
            sock.sendall(request('/a', token)[:30])
            sock.sendall(request('/a', token)[30:])
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(answer(sock), [8001])
            self.assertEqual(sock.recv(1), b'')
        self.assertEqual(case.endpoints.of(token).data, request('/a', token))

    def test_of_the_reading_side(self):
        token = mark()
        with connected() as sock:
            sock.shutdown(socket.SHUT_RD)
            self.assertEqual(sock.recv(1), b'')
            self.assertEqual(case.module.counter('deferred'), 1)
            sock.sendall(request('/a', token))
            self.assertEqual(case.endpoints.of(token).port, 8001)

    def test_of_both_sides(self):
        with connected() as sock:
            sock.shutdown(socket.SHUT_RDWR)
            self.assertEqual(sock.recv(1), b'')
            self.assertRaises(BrokenPipeError, sock.send, b'x')

    def test_raises_sigpipe(self):
        child = os.fork()
        if not child:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            sock = connected()
            sock.shutdown(socket.SHUT_WR)
            sock.send(b'x')
            os._exit(0)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), -signal.SIGPIPE)


class MeetsTheTimer(Case):
    """The timer has no hold of the file: a close() may come at any moment of the connect() that it makes."""
    AGE = 0.01  # of the sockets when they are closed: the fallback time, with what the clock's ticks make of it

    def closing(self, sockets, end):
        while not (end.is_set() and sockets.empty()):
            try:
                sock, born = sockets.get(timeout=0.1)
            except queue.Empty:
                continue
            time.sleep(max(0, born + self.AGE * random.uniform(0.5, 1.5) - time.monotonic()))
            sock.close()

    def test_references_are_given_back_once(self):
        references = case.module.references()
        case.module.set('fallback_ms', 10)
        self.addCleanup(case.module.set, 'fallback_ms', FALLBACK_MS)
        sockets, end = queue.Queue(), threading.Event()
        closers = [threading.Thread(target=self.closing, args=(sockets, end)) for _ in range(8)]
        for closer in closers:
            closer.start()
        for i in range(6000):
            sockets.put((connected(SERVICE6 if i % 2 else SERVICE), time.monotonic()))
        end.set()
        for closer in closers:
            closer.join()
        until(lambda: case.module.counter('deferred') == 0, 'nothing is held')
        self.assertEqual(case.module.references(), references)
        case.module.set('fallback_ms', FALLBACK_MS)
        with connected() as sock:
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001], 'and sockets are held back as before')
