# SPDX-License-Identifier: Apache-2.0
"""What the kernel knows about the other end of a connection on this machine."""

import fcntl
import socket
import struct
import termios
from contextlib import closing
from pathlib import Path

Address = tuple[str, int]

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
ANY = 0xFFFF_FFFF
HEADER = struct.Struct("=IHHII")
QUEUE_OFFSET = HEADER.size + 56
"""Where `idiag_rqueue` is in an answer (linux/inet_diag.h)."""


def has_read_all(local: Address, remote: Address) -> bool:
    """Whether the owner of the TCP socket with these ends has read everything that has come for it."""
    try:
        return _queue_by_netlink(local, remote) == 0
    except OSError:
        return _queue_in_proc(local, remote) == 0


def other_end_has_read_all(connection: socket.socket) -> bool:
    """Whether the owner of the other end on this machine has read everything that was sent here."""
    unacknowledged = struct.unpack("=i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]
    return not unacknowledged and has_read_all(connection.getpeername(), connection.getsockname())


def _queue_by_netlink(local: Address, remote: Address) -> int:
    """One exact look-up, sock_diag(7): its cost does not depend on how many sockets there are."""
    ends = [socket.inet_aton(address) for address, _ in (local, remote)]
    identity = struct.pack(">HH16s16s", local[1], remote[1], *ends) + struct.pack("=III", 0, ANY, ANY)
    query = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ANY) + identity
    length = HEADER.size + len(query)
    with closing(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)) as netlink:
        netlink.send(HEADER.pack(length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + query)
        answer = netlink.recv(4096)
    if HEADER.unpack_from(answer)[1] != SOCK_DIAG_BY_FAMILY:
        raise OSError("sock_diag does not know this connection")
    return struct.unpack_from("=I", answer, QUEUE_OFFSET)[0]


def _queue_in_proc(local: Address, remote: Address) -> int | None:
    """The same from /proc/net/tcp, for kernels without sock_diag; `None` when it is not there."""

    def spelled(address: Address) -> str:
        return f"{struct.unpack('=I', socket.inet_aton(address[0]))[0]:08X}:{address[1]:04X}"

    ends = [spelled(local), spelled(remote)]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1:3] == ends:
            return int(columns[4].split(":")[1], 16)
    return None
