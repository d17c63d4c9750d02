"""A DNS server that knows one address for every name: name_server.py LISTEN ADDRESS. Answers A queries over UDP, others with nothing."""

import socket
import struct
import sys

TYPE_A = 1


def answer(query, address):
    end = query.index(b"\0", 12) + 1  # of the name
    kind = struct.unpack("!H", query[end:end + 2])[0]
    question = query[12:end + 4]
    answers = [address] if kind == TYPE_A else []
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(answers), 0, 0)
    records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", TYPE_A, 1, 0, 4) + socket.inet_aton(one) for one in answers)
    return head + question + records


def main():
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((sys.argv[1], 53))
    while True:
        query, sender = listener.recvfrom(4096)
        listener.sendto(answer(query, sys.argv[2]), sender)


if __name__ == "__main__":
    main()
