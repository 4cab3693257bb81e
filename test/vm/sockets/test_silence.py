# SPDX-License-Identifier: Apache-2.0
"""Clients that do not send, or not yet, and what a socket looks like to them meanwhile."""
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import threading
import time

from case import Case
import case
from mesh import MAPPED, SERVICE, SERVICE6, SLOW, answer, connected, mark, request, until

TCP_INFO, TCP_ULP, SYN_SENT = 11, 31, 2


class Silence(Case):
    def test_server_that_speaks_first(self):
        case.endpoints.greeting = b'220 hello\r\n'
        try:
            with connected() as sock:
                self.assertEqual(sock.recv(100), b'220 hello\r\n')
            with connected(blocking=False) as sock:
                poll = select.poll()
                poll.register(sock, select.POLLIN)
                self.assertEqual(poll.poll(10_000 * SLOW), [(sock.fileno(), select.POLLIN)])
                self.assertEqual(sock.recv(100), b'220 hello\r\n')
        finally:
            case.endpoints.greeting = b''
        self.counted(silent=2)

    def test_blocking_recv_before_the_request_waits(self):
        got = []
        with connected() as sock:
            thread = threading.Thread(target=lambda: got.extend(answer(sock)))
            thread.start()
            time.sleep(0.1)
            self.assertEqual(case.module.counter('deferred'), 1)
            sock.sendall(request('/b'))
            thread.join()
        self.assertEqual(got, [8002])
        self.counted(complete=1)

    def test_recv_timeout(self):
        with connected() as sock:
            sock.settimeout(None)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 100_000))
            with self.assertRaises(BlockingIOError):
                sock.recv(1)
            self.assertEqual(case.module.counter('deferred'), 1)

    def test_second_connect(self):
        with connected(blocking=False) as sock:
            self.assertEqual(sock.connect_ex(SERVICE), errno.EISCONN)
            self.assertEqual(case.module.counter('deferred'), 1)
        with connected() as sock:
            sock.settimeout(None)
            self.assertIn(sock.connect_ex(SERVICE), (0, errno.EISCONN))

    def test_disconnect_and_connect_again(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with connected() as sock:
            for first in (b'', b'POST /a HT'):
                sock.send(first)
                self.assertEqual(libc.connect(sock.fileno(), struct.pack('H14x', socket.AF_UNSPEC), 16), 0)
                self.assertEqual(case.module.counter('deferred'), 0)
                sock.connect(SERVICE)
            sock.sendall(request('/b'))
            self.assertEqual(answer(sock), [8002])
        self.counted(complete=1)

    def test_signal_interrupts_a_reader(self):
        with connected() as sock:
            sock.settimeout(None)
            child = os.fork()
            if not child:
                signal.signal(signal.SIGUSR1, lambda *_: os._exit(7))
                sock.recv(1)
                os._exit(8)
            until(lambda: 'S (sleeping)' in open(f'/proc/{child}/status').read(), 'the child waits')
            os.kill(child, signal.SIGUSR1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
            self.assertEqual(case.module.counter('deferred'), 1)


class Appearance(Case):
    def test_poll(self):
        with connected(blocking=False) as sock:
            poll = select.poll()
            poll.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
            self.assertEqual(poll.poll(0), [(sock.fileno(), select.POLLOUT)])
            with self.assertRaises(BlockingIOError):
                sock.recv(1)
            self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)

    def test_edge_triggered_poll_from_before_connect(self):
        with socket.socket() as sock, select.epoll() as poll:
            sock.setblocking(False)
            poll.register(sock, select.EPOLLOUT | select.EPOLLET)
            poll.poll(0)
            sock.connect(SERVICE)
            self.assertEqual(poll.poll(1), [(sock.fileno(), select.EPOLLOUT)])

    def test_poll_sees_no_hangup_while_it_really_connects(self):
        wrong = []
        for _ in range(200):
            with connected(blocking=False) as sock:
                poll = select.poll()
                poll.register(sock, select.POLLOUT)
                done = threading.Event()

                def watch():
                    while not done.is_set():
                        for _, events in poll.poll(0):
                            if events & (select.POLLHUP | select.POLLERR):
                                wrong.append(events)

                thread = threading.Thread(target=watch)
                thread.start()
                try:
                    sock.send(request('/a'))
                except BlockingIOError:
                    pass
                done.set()
                thread.join()
        self.assertEqual(wrong, [])

    def test_names(self):
        for address in (SERVICE, SERVICE6, MAPPED):
            with connected(address) as sock:
                self.assertEqual(sock.getpeername()[:2], address)
                sock.getsockname()
        with socket.socket() as sock:
            sock.bind(('127.0.0.1', 0))
            name = sock.getsockname()
            sock.connect(SERVICE)
            self.assertEqual(sock.getsockname(), name)
            sock.sendall(request('/a'))
            sock.settimeout(30 * SLOW)
            self.assertEqual(answer(sock), [8001])
            self.assertEqual(sock.getsockname(), name)

    def test_options(self):
        options = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.SOL_SOCKET, socket.SO_SNDBUF, 30_000), (6, socket.TCP_NODELAY, 1),
                   (6, socket.TCP_KEEPIDLE, 1), (6, socket.TCP_USER_TIMEOUT, 30_000), (6, socket.TCP_DEFER_ACCEPT, 3), (6, socket.TCP_QUICKACK, 0))
        with connected() as sock:
            for level, option, value in options:
                sock.setsockopt(level, option, value)
            sock.setsockopt(6, socket.TCP_CONGESTION, b'reno')
            self.assertEqual(sock.getsockopt(6, TCP_INFO, 8)[0], SYN_SENT)
            for denied in (lambda: sock.setsockopt(6, TCP_ULP, b'tls'), lambda: sock.bind(('127.0.0.1', 0)), lambda: sock.listen(1)):
                self.assertRaises(OSError, denied)
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])
            self.assertEqual(sock.getsockopt(6, socket.TCP_CONGESTION, 16).rstrip(b'\0'), b'reno')
            self.assertEqual(sock.getsockopt(6, socket.TCP_NODELAY), 1)

    def test_tls_offload_after_the_head(self):
        for address in (SERVICE6, SERVICE):
            with connected(address) as sock:
                self.assertRaises(OSError, sock.setsockopt, 6, TCP_ULP, b'tls')
                sock.sendall(request('/a'))
                answer(sock)
                try:
                    sock.setsockopt(6, TCP_ULP, b'tls')
                except FileNotFoundError:
                    self.skipTest('this kernel has no kTLS')
                sock.sendall(request('/a'))
                self.assertEqual(answer(sock), [8001])
