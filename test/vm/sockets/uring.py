# SPDX-License-Identifier: Apache-2.0
"""As much of io_uring as a client needs, see io_uring_enter(2)."""
import ctypes
import mmap
import os
import struct

CONNECT, SEND, RECV, SEND_ZC = 16, 26, 27, 47
SETUP, ENTER = 425, 426
GETEVENTS = 1
RINGS, ENTRIES = 0, 0x10000000  # offsets for mmap: IORING_OFF_SQ_RING (with the completions), IORING_OFF_SQES

libc = ctypes.CDLL(None, use_errno=True)


def syscall(*words):
    result = libc.syscall(*words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Ring:
    def __init__(self):
        parameters = ctypes.create_string_buffer(120)
        self.fd = syscall(SETUP, 8, parameters)
        numbers = struct.unpack('30I', parameters.raw)
        self.sq_tail, self.sq_mask, self.sq_array = numbers[11], numbers[12], numbers[16]
        self.cq_head, self.cq_tail, self.cq_mask, self.cqes = numbers[20], numbers[21], numbers[22], numbers[25]
        self.rings = mmap.mmap(self.fd, max(self.cqes + 16 * numbers[1], self.sq_array + 4 * numbers[0]), offset=RINGS)
        self.entries = mmap.mmap(self.fd, 64 * numbers[0], offset=ENTRIES)

    def _number(self, at, value=None):
        if value is None:
            return struct.unpack_from('I', self.rings, at)[0]
        struct.pack_into('I', self.rings, at, value)

    def do(self, opcode, sock, data, length, offset=0, completions=1):
        """Submits one operation. Returns its completions as (result, flags)."""
        tail = self._number(self.sq_tail)
        index = tail & self._number(self.sq_mask)
        struct.pack_into('BBHiQQII32x', self.entries, 64 * index, opcode, 0, 0, sock.fileno(), offset, ctypes.addressof(data), length, 0)
        self._number(self.sq_array + 4 * index, index)
        self._number(self.sq_tail, tail + 1)
        syscall(ENTER, self.fd, 1, completions, GETEVENTS, None, 0)
        return [self._take() for _ in range(completions)]

    def _take(self):
        head = self._number(self.cq_head)
        if head == self._number(self.cq_tail):
            syscall(ENTER, self.fd, 0, 1, GETEVENTS, None, 0)
        at = self.cqes + 16 * (head & self._number(self.cq_mask))
        _, result, flags = struct.unpack_from('QiI', self.rings, at)
        self._number(self.cq_head, head + 1)
        return result, flags

    def connect(self, sock, address):
        return self.do(CONNECT, sock, ctypes.create_string_buffer(address, len(address)), 0, len(address))[0][0]

    def send(self, sock, data):
        return self.do(SEND, sock, ctypes.create_string_buffer(data, len(data)), len(data))[0][0]

    def send_zero_copy(self, sock, data):
        """Returns the bytes sent once the kernel has said that it does not need them any more; -EINVAL where it knows no such thing."""
        first, flags = self.do(SEND_ZC, sock, ctypes.create_string_buffer(data, len(data)), len(data))[0]
        if flags & 2:
            self._take()
        return first

    def recv(self, sock):
        data = ctypes.create_string_buffer(4096)
        received = self.do(RECV, sock, data, 4096)[0][0]
        return data.raw[:received]
