# SPDX-License-Identifier: Apache-2.0
"""Endpoints that refuse or do not answer, and connections that something denies."""
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from case import Case
import case
from mesh import SERVICE, SERVICE6, SLOW, answer, connected, mark, request, until


class Refusal(Case):
    def test_blocking_client_gets_it_from_send(self):
        for address in (SERVICE, SERVICE6):
            with connected(address) as sock:
                self.assertRaises(ConnectionRefusedError, sock.sendall, request('/r'))
                self.assertEqual(sock.recv(1), b'')

    def test_event_loop_gets_it_as_from_an_asynchronous_connect(self):
        with connected(blocking=False) as sock:
            try:
                sock.send(request('/r'))
            except (BlockingIOError, ConnectionRefusedError):
                pass
            poll = select.poll()
            poll.register(sock, select.POLLIN | select.POLLOUT)
            events = poll.poll(10_000 * SLOW)[0][1]
            self.assertTrue(events & select.POLLHUP)

    def test_reader_gets_it_after_a_split_head(self):
        with connected() as sock:
            sock.sendall(request('/r')[:20])
            sock.sendall(request('/r')[20:])
            self.assertRaises(ConnectionRefusedError, sock.recv, 1)

    def test_connect_works_again_after_it(self):
        with connected() as sock:
            self.assertRaises(ConnectionRefusedError, sock.sendall, request('/r'))
            sock.connect_ex(SERVICE)
            self.assertIn(sock.connect_ex(SERVICE), (0, errno.EISCONN))
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])

    def test_of_a_program(self):
        """The socket is armed when another program denies its connection, and nothing of that stays."""
        with socket.socket() as sock:
            sock.settimeout(30 * SLOW)
            for _ in range(3):
                self.assertRaises(PermissionError, sock.connect, ('127.0.0.1', 81))
                self.assertEqual(case.module.counter('armed'), 1)
            sock.connect(SERVICE)
            self.assertEqual(case.module.counter('armed'), 0)
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])
        with socket.socket() as sock:
            self.assertRaises(PermissionError, sock.connect, ('127.0.0.1', 81))
            sock.connect(('127.0.0.1', 8000))
            self.assertEqual(case.module.counter('armed'), 0)
        with socket.socket() as sock:
            self.assertRaises(PermissionError, sock.connect, ('127.0.0.1', 81))
            self.assertRaises(BrokenPipeError, sock.send, b'x')
            self.assertEqual(case.module.counter('armed'), 0)
        for _ in range(100):
            with socket.socket(socket.AF_INET6) as sock:
                self.assertRaises(PermissionError, sock.connect, ('::1', 81))


class NoAnswer(Case):
    """Packets to 192.0.2.1 vanish in a dummy device."""

    @classmethod
    def setUpClass(cls):
        for words in ('link add silent type dummy', 'addr add 192.0.2.2/24 dev silent', 'link set silent up',
                      'neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev silent'):
            subprocess.run(['ip', *words.split()], check=True)

    @classmethod
    def tearDownClass(cls):
        subprocess.run(['ip', 'link', 'del', 'silent'], check=True)

    def test_send_timeout(self):
        with connected() as sock:
            sock.settimeout(None)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 300_000))
            begin = time.monotonic()
            self.assertRaises(BlockingIOError, sock.send, request('/d'))
            self.assertGreater(time.monotonic() - begin, 0.25)

    def test_signal_interrupts_a_sender(self):
        child = os.fork()
        if not child:
            signal.signal(signal.SIGALRM, lambda *_: os._exit(7))
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            sock = connected()
            sock.settimeout(None)
            sock.send(request('/d'))
            os._exit(8)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)

    def test_event_loop_is_not_blocked(self):
        with connected(blocking=False) as sock:
            begin = time.monotonic()
            self.assertRaises(BlockingIOError, sock.send, request('/d'))
            self.assertLess(time.monotonic() - begin, 0.5 * SLOW)
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            self.assertEqual(poll.poll(100), [])

    def test_close_with_bytes_that_find_no_endpoint(self):
        sock = connected(blocking=False)
        sock.send(request('/d')[:20])
        sock.send(request('/d')[20:])
        sock.close()
        self.assertEqual(case.module.counter('deferred'), 1)
        until(lambda: case.module.counter('deferred') == 0, 'the end of the wait')
        self.counted(complete=1, split=1, unfinished=1)

    def test_half_closing_with_no_endpoint(self):
        with connected() as sock:
            sock.sendall(request('/d')[:20])
            sock.sendall(request('/d')[20:])
            sock.shutdown(socket.SHUT_WR)
            self.assertRaises(TimeoutError, sock.recv, 1)
            until(lambda: case.module.counter('deferred') == 0, 'the end of the wait')

    def test_disconnect_while_it_connects(self):
        import ctypes
        libc = ctypes.CDLL(None)
        with connected() as sock:
            sock.sendall(request('/d')[:20])
            sock.sendall(request('/d')[20:])
            self.assertEqual(libc.connect(sock.fileno(), struct.pack('H14x', socket.AF_UNSPEC), 16), 0)
            self.assertEqual(case.module.counter('deferred'), 0)
            sock.connect(SERVICE)
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])
