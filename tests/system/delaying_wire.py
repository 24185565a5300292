#!/usr/bin/python3
"""A wire between two network interfaces on which every frame takes its time.

usage: delaying_wire.py INTERFACE INTERFACE SECONDS
"""

import collections
import select
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING, ETH_P_ALL = 263, 15, 4, 3
FRAME_MAX = 1 << 17  # what the kernel has not yet cut into segments is larger than a frame on a real wire


def end(interface):
    """Frames as the kernel has them: with what it has left to the hardware to do, and told so in front."""
    it = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    it.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    it.bind((interface, 0))
    it.setblocking(False)
    return it


def frames(source):
    while True:
        try:
            frame, sender = source.recvfrom(FRAME_MAX)
        except BlockingIOError:
            return
        if sender[2] != PACKET_OUTGOING:
            yield frame


def main(one, other, seconds):
    ends = end(one), end(other)
    across = {ends[0]: ends[1], ends[1]: ends[0]}
    under_way = collections.deque()  # all take the same time: the first in is the first out
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for source in select.select(ends, [], [], wait)[0]:
            for frame in frames(source):
                under_way.append((time.monotonic() + seconds, across[source], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, target, frame = under_way.popleft()
            try:
                target.send(frame)
            except OSError:
                pass  # The other end is full or down: a frame that is lost, as on any wire.


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
