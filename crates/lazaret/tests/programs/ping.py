# Echo requests to the other end of a link and to the own addresses.
import errno, select, socket, struct, sys

PEER4, PEER6, OWN4, OWN6 = sys.argv[1:5]


def attempt(what, action):
    try:
        result = action()
    except OSError as error:
        result = errno.errorcode.get(error.errno, str(error))
    print(what, result)
    return result


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def request(family, number, payload):
    kind = 8 if family == socket.AF_INET else 128
    head = struct.pack('!BBHHH', kind, 0, 0, number, 7)
    return head[:2] + struct.pack('!H', checksum(head + payload)) + head[4:] + payload


def answer(s, is_raw, number):
    # The first message that answers; raw sockets get all messages.
    while select.select([s], [], [], 5)[0]:
        data, beside, _, address = s.recvmsg(70000, 100)
        if is_raw and s.family == socket.AF_INET:
            data = data[(data[0] & 15) * 4:]
        kind, code, _, got, sequence = struct.unpack('!BBHHH', data[:8])
        if kind in (0, 129) and (not is_raw or got == number):
            return data[8:], sequence, address[0], beside
    return None


for family, protocol, peer, own, local in (
    (socket.AF_INET, socket.IPPROTO_ICMP, PEER4, OWN4, '127.0.0.1'),
    (socket.AF_INET6, socket.IPPROTO_ICMPV6, PEER6, OWN6, '::1'),
):
    for kind in socket.SOCK_DGRAM, socket.SOCK_RAW:
        is_raw = kind == socket.SOCK_RAW
        try:
            s = socket.socket(family, kind, protocol)
        except OSError as error:
            print('socket', is_raw, errno.errorcode[error.errno])
            continue
        print('socket', is_raw)
        if family == socket.AF_INET:
            s.setsockopt(socket.IPPROTO_IP, 12, 1)
        else:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        if not is_raw:
            attempt('no request', lambda: s.sendto(b'\0' * 8, (peer, 0)))
            attempt('too short', lambda: s.sendto(b'\x08', (peer, 0)))
        for where, host in ('there', peer), ('here', own), ('inside', local):
            # The last ones travel in parts.
            for length in (0, 56, 1400, 4000) if where == 'there' else (56,):
                payload = bytes(range(256)) * 16
                s.sendto(request(family, 4711, payload[:length]), (host, 0))
                found = answer(s, is_raw, 4711)
                right = found and found[0] == payload[:length] and found[1] == 7 and found[2] == host
                hops = found and [(level, kind, struct.unpack('i', data)[0]) for level, kind, data in found[3]]
                print(f'answer from {where}: {right}', hops)
        s.connect((peer, 0))
        attempt('no peer', s.getpeername)
        s.send(request(family, 4711, b'again'))
        print('connected', answer(s, is_raw, 4711)[0])
        s.connect((peer, 99))
        attempt('peer', lambda: s.getpeername()[:2] == (peer, 99))
        s.close()
