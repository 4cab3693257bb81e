# SPDX-License-Identifier: Apache-2.0
"""The module can go at any time, and no connection notices."""
import os
import socket
import subprocess
import threading
import time

from case import Case
import case
from mesh import FALLBACK_MS, SERVICE, SERVICE6, SLOW, answer, connected, mark, request, until


def drained_and_removed():
    """As the agent does it."""
    case.module.set('accepting', 0)
    until(lambda: case.module.counter('deferred') == 0, 'nothing is held')
    case.steering.ask('off')
    until(lambda: case.module.remove().returncode == 0, 'the module is removed')


def inserted():
    case.module.insert()
    assert case.steering.ask('on') == 'on'


class Removal(Case):
    def setUp(self):
        if not case.module.is_in():
            inserted()
        super().setUp()

    def test_is_refused_while_sockets_are_held(self):
        with connected() as sock, socket.socket() as armed:
            self.assertRaises(PermissionError, armed.connect, ('127.0.0.1', 81))
            case.steering.ask('off')
            removed = case.module.remove()
            self.assertNotEqual(removed.returncode, 0)
            self.assertRegex(removed.stderr, 'in use|temporarily unavailable')
            self.assertEqual(case.module.references(), 2)
            self.assertEqual(case.steering.ask('on'), 'on')
            sock.sendall(request('/b'))
            self.assertEqual(answer(sock), [8002])

    def test_drain_lets_every_socket_go_on(self):
        token = mark()
        silent, half, sending = connected(), connected(SERVICE6), connected()
        half.sendall(b'POST /a HTTP/1.1\r\nX: ' + token)
        begin = time.monotonic()
        case.module.set('accepting', 0)
        sending.sendall(request('/a'))
        self.assertEqual(answer(sending), [8001], 'who sends right now is still routed')
        until(lambda: case.module.counter('deferred') == 0, 'nothing is held')
        self.assertLess(time.monotonic() - begin, 0.9 * SLOW)
        self.counted(complete=1, drained=2)
        with connected() as passed:
            passed.sendall(request('/a'))
            self.assertEqual(answer(passed), [8000], 'no new takeover')
        case.module.set('accepting', 1)
        half.sendall(b'\r\nHost: b\r\n\r\n')
        silent.sendall(request('/a'))
        self.assertEqual((answer(half), answer(silent)), ([8000], [8000]))
        for sock in (silent, half, sending):
            sock.close()
        with connected() as sock:
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8001])

    def test_established_connections_live_on(self):
        """Among them one that is in the middle of its first send, and one in recv() since before it."""
        case.endpoints.reading.clear()
        body = mark() + os.urandom(10_000_000)
        writer, reader, idle = connected(), connected(), connected()
        sending = threading.Thread(target=writer.sendall, args=(request('/a', body),))
        sending.start()
        got = []
        receiving = threading.Thread(target=lambda: got.extend(answer(reader)))
        receiving.start()
        time.sleep(0.2)
        reader.sendall(request('/b'))
        idle.sendall(request('/a'))
        until(lambda: case.module.counter('deferred') == 0, 'all are connected')
        drained_and_removed()
        self.assertFalse(case.module.is_in())
        self.assertTrue(sending.is_alive() and receiving.is_alive())
        case.endpoints.reading.set()
        sending.join()
        receiving.join()
        self.assertEqual((answer(writer), got, answer(idle)), ([8001], [8002], [8001]))
        idle.sendall(request('/a'))
        self.assertEqual(answer(idle), [8001])
        for sock in (writer, reader, idle):
            sock.close()
        inserted()

    def test_again_and_again_under_traffic(self):
        ended, failed, done = threading.Event(), [], []

        def client(parts):
            while not ended.is_set():
                try:
                    with connected() as sock:
                        whole = request('/a')
                        for index in range(parts):
                            sock.sendall(whole[index * len(whole) // parts:(index + 1) * len(whole) // parts])
                        done.append(answer(sock)[0])
                except Exception as error:
                    failed.append(repr(error))

        clients = [threading.Thread(target=client, args=(parts,)) for parts in (1, 1, 2, 3)]
        for thread in clients:
            thread.start()
        for _ in range(int(os.environ.get('ROUNDS', '20'))):
            time.sleep(0.05)
            drained_and_removed()
            time.sleep(0.05)
            inserted()
        ended.set()
        for thread in clients:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(set(done), {8000, 8001})
        self.before = case.module.counters()

    def test_program_detached_while_sockets_are_held(self):
        """Without the tracepoint nobody answers for the request: the hooks see a connection to the service, and take it for a new one."""
        with connected() as sock:
            case.steering.ask('off')
            sock.sendall(request('/a'))
            self.assertEqual(answer(sock), [8000])
            self.assertEqual(case.steering.ask('on'), 'on')


class Many(Case):
    def test_a_thousand_idle_sockets(self):
        case.module.set('fallback_ms', 60_000)
        slab = lambda: int(next(line.split()[1] for line in open('/proc/meminfo') if line.startswith('Slab:')))
        for sock in [connected() for _ in range(100)]:
            sock.close()
        before = slab()
        try:
            held = [connected(SERVICE6 if index % 2 else SERVICE) for index in range(1000)]
            self.assertEqual(case.module.counter('deferred'), 1000)
            for sock in held[-50:]:
                sock.sendall(request('/a'))
                self.assertEqual(answer(sock), [8001])
            for sock in held[-200:-100]:
                sock.sendall(b'GET /')
            for sock in held:
                sock.close()
        finally:
            case.module.set('fallback_ms', FALLBACK_MS)
        until(lambda: case.module.counter('deferred') == 0, 'all are gone')
        until(lambda: slab() - before < 8192, 'memory is back', 60)

    def test_two_hundred_that_fall_back(self):
        held = [connected() for _ in range(200)]
        until(lambda: case.module.counter('deferred') == 0, 'all are connected', 30)
        self.counted(silent=200)
        for sock in held:
            sock.close()

    def test_two_hundred_that_drain(self):
        held = [connected() for _ in range(200)]
        for sock in held[::2]:
            sock.send(b'GET /')
        case.module.set('accepting', 0)
        until(lambda: case.module.counter('deferred') == 0, 'all are connected', 30)
        case.module.set('accepting', 1)
        for sock in held:
            sock.close()

    def test_another_network_namespace(self):
        code = '''
import sys; sys.path.insert(0, %r)
import mesh
endpoints = mesh.Endpoints()
with mesh.connected() as sock:
    sock.sendall(mesh.request('/b'))
    assert mesh.answer(sock) == [8002]
held = [mesh.connected() for _ in range(10)]
held[0].send(b'GET /')
''' % os.path.dirname(os.path.abspath(__file__))
        subprocess.run(['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec python3 -c "$0"', code], check=True)
