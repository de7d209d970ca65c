"""What a sniffer hears, made by hand for tests."""

import struct
import zlib
from pathlib import Path

from crypto import Akm, EapolKey, Handshake, MacAddress, Ssid, passphrase_to_pmk, sign

VECTORS = Path(__file__).parents[1] / "vectors"
AA, SPA = MacAddress.parse("02:00:00:00:00:01"), MacAddress.parse("02:00:00:00:01:02")
SSID = Ssid(b"Hudson House")
PASSPHRASE = b"sunny-Otter-41"
RSNE = bytes.fromhex("30140100000fac040100000fac040100000fac020000")
SNAP_EAPOL = bytes.fromhex("aaaa03000000888e")
START_NS = 1_795_000_000_000_000_000


class Air:
    """802.11 frames, what link types put around them, and the files they are kept in."""

    aa, spa, ssid, passphrase = AA, SPA, SSID, PASSPHRASE

    # Frames (IEEE Std 802.11 9.3).

    @staticmethod
    def management(subtype, receiver, sender, bssid, body):
        return bytes([subtype << 4, 0, 0, 0]) + receiver.value + sender.value + bssid.value + b"\x10\0" + body

    @classmethod
    def beacon(cls, bssid=AA, ssid=SSID.value, subtype=8, receiver=None):
        receiver = receiver or MacAddress(b"\xff" * 6)
        body = bytes(8) + b"\x64\0\x31\4" + bytes([0, len(ssid)]) + ssid + b"\x01\x01\x82"
        return cls.management(subtype, receiver, bssid, bssid, body)

    @classmethod
    def association(cls, bssid=AA, station=SPA, ssid=SSID.value, rsne=RSNE, again=False):
        body = b"\x31\4\x01\0" + (bssid.value if again else b"") + bytes([0, len(ssid)]) + ssid + b"\x01\x01\x82" + rsne
        return cls.management(2 if again else 0, bssid, station, bssid, body)

    @staticmethod
    def data(sender, receiver, payload, *, from_ap, qos=False, wds=False, flags=0, fragment=0):
        flags |= 3 if wds else 2 if from_ap else 1
        header = bytes([0x88 if qos else 0x08, flags, 0, 0]) + receiver.value + sender.value
        header += (sender if from_ap else receiver).value + bytes([fragment, 0])
        if wds:
            header += receiver.value
        if qos:
            header += b"\0\0"
            if flags & 0x80:
                header += b"\0\0\0\0"  # HT Control
        return header + payload

    @classmethod
    def eapol(cls, message, octets, *, aa=AA, spa=SPA, **form):
        from_ap = message in (1, 3)
        sender, receiver = (aa, spa) if from_ap else (spa, aa)
        return cls.data(sender, receiver, SNAP_EAPOL + octets, from_ap=from_ap, **form)

    # EAPOL-Key frames (12.7.2).

    @staticmethod
    def key_frame(info, counter, nonce=bytes(32), mic=bytes(16), data=b"", descriptor=2):
        body = struct.pack(">BHHQ32s32s", descriptor, info, 0, counter, nonce, bytes(32)) + mic
        body += len(data).to_bytes(2) + data
        return b"\x02\x03" + len(body).to_bytes(2) + body

    @classmethod
    def handshake(
        cls,
        *,
        akm=Akm.PSK,
        ssid=SSID,
        aa=AA,
        spa=SPA,
        passphrase=PASSPHRASE,
        counter=1,
        seed=1,
        anonce=None,
        key_data=None,
    ):
        """Return a handshake whose M2 has the right MIC."""
        version = {Akm.WPA_PSK: 1, Akm.PSK: 2}.get(akm, 3)
        elements = {
            Akm.WPA_PSK: bytes.fromhex("dd160050f20101000050f20201000050f20201000050f202"),
            Akm.PSK: RSNE,
            Akm.PSK_SHA256: RSNE.replace(bytes.fromhex("0fac020000"), bytes.fromhex("0fac060000")),
        }
        m2 = EapolKey(
            descriptor=0xFE if akm is Akm.WPA_PSK else 2,
            key_info=0x0108 | version,
            replay_counter=counter,
            snonce=bytes([seed]) * 32,
            key_data=elements[akm] if key_data is None else key_data,
        )
        unsigned = Handshake.of(ssid=ssid, aa=aa, spa=spa, anonce=anonce or bytes([seed ^ 0x80]) * 32, m2=m2)
        return sign(passphrase_to_pmk(passphrase, ssid), unsigned)

    @classmethod
    def four_way(cls, handshake, *, messages=(1, 2, 3, 4), m1=None):
        """Return the key frames of a handshake: (message, octets)."""
        version, counter = handshake.key_version, handshake.m2.replay_counter
        descriptor = handshake.m2.descriptor
        secure = 0 if descriptor == 0xFE else 0x0200
        install = 0x0040
        made = {
            1: cls.key_frame(0x0088 | version, counter, m1 or handshake.anonce, descriptor=descriptor),
            2: handshake.m2.octets,
            3: cls.key_frame(
                0x0188 | install | secure | version, counter + 1, handshake.anonce, b"\x33" * 16, RSNE, descriptor
            ),
            4: cls.key_frame(0x0108 | secure | version, counter + 1, mic=b"\x44" * 16, descriptor=descriptor),
        }
        return [(message, made[message]) for message in messages]

    @classmethod
    def frames(cls, handshake, *, messages=(1, 2, 3, 4), **form):
        """Return the 802.11 frames of a handshake."""
        aa, spa = handshake.aa, handshake.spa
        return [
            cls.eapol(m, octets, aa=aa, spa=spa, **form) for m, octets in cls.four_way(handshake, messages=messages)
        ]

    # Link types.

    @staticmethod
    def radiotap(frame, *, flags=None, tsft=False, words=1):
        present = (1 if tsft else 0) | (2 if flags is not None else 0)
        header = b"".join(struct.pack("<I", 1 << 31 | (present if not n else 0)) for n in range(words - 1))
        header += struct.pack("<I", present if words == 1 else 0)
        if tsft:
            header += bytes(-(4 + len(header)) % 8) + bytes(8)
        if flags is not None:
            header += bytes([flags])
        return b"\0\0" + struct.pack("<H", 4 + len(header)) + header + frame

    @staticmethod
    def ppi(frame, *, flags=0):
        field = struct.pack("<HHQHHHHBBbb", 2, 20, 0, flags, 2, 2412, 0x80, 0, 0, -40, -90)
        return b"\0\0" + struct.pack("<HI", 8 + len(field), 105) + field + frame

    @staticmethod
    def prism(frame, *, order="<"):
        return struct.pack(order + "II16s", 0x44, 144, b"wlan0") + bytes(120) + frame

    @staticmethod
    def avs(frame):
        return struct.pack(">II", 0x80211001, 64) + bytes(56) + frame

    @staticmethod
    def with_fcs(frame):
        return frame + zlib.crc32(frame).to_bytes(4, "little")

    @staticmethod
    def ethernet(payload, *, source=SPA, destination=AA, ethertype=0x888E, vlans=()):
        tags = b"".join(struct.pack(">HH", 0x8100, vlan) for vlan in vlans)
        return destination.value + source.value + tags + struct.pack(">H", ethertype) + payload

    @staticmethod
    def cooked(payload, *, source=SPA, ethertype=0x888E):
        return struct.pack(">HHH6s2sH", 0, 1, 6, source.value, b"", ethertype) + payload

    @staticmethod
    def cooked2(payload, *, source=SPA, ethertype=0x888E):
        return struct.pack(">HHIHBB8s", ethertype, 0, 1, 1, 0, 6, source.value) + payload

    # IP.

    @staticmethod
    def udp(payload, *, port=1812, version=4, options=b""):
        datagram = struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload
        if version == 4:
            header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0x4000, 64, 17, 0)
            return header + b"\xc0\0\2\1\xc0\0\2\2" + datagram
        following = 0 if options else 17
        return (
            struct.pack(">IHBB", 6 << 28, len(options) + len(datagram), following, 64) + bytes(32) + options + datagram
        )

    # Files.

    @staticmethod
    def pcap(packets, *, link=127, order="<", nanoseconds=False, snap=None, start_ns=START_NS, step_ns=1_000_000):
        magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
        octets = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap or 262144, link)
        for number, packet in enumerate(packets):
            seconds, ns = divmod(start_ns + number * step_ns, 1_000_000_000)
            kept = packet[:snap]
            octets += (
                struct.pack(order + "IIII", seconds, ns if nanoseconds else ns // 1000, len(kept), len(packet)) + kept
            )
        return octets

    @staticmethod
    def block(kind, body, *, order="<"):
        body += bytes(-len(body) % 4)
        length = struct.pack(order + "I", 12 + len(body))
        return struct.pack(order + "I", kind) + length + body + length

    @classmethod
    def section(cls, *, order="<"):
        return cls.block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order=order)

    @classmethod
    def interface(cls, link, *, order="<", snap=0, options=()):
        body = struct.pack(order + "HHI", link, 0, snap)
        for code, value in options:
            body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
        return cls.block(1, body + (bytes(4) if options else b""), order=order)

    @classmethod
    def enhanced(cls, packet, *, interface=0, units=START_NS // 1000, order="<", length=None):
        fixed = struct.pack(
            order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(packet), length or len(packet)
        )
        return cls.block(6, fixed + packet, order=order)

    @classmethod
    def pcapng(cls, packets, *, link=127, order="<"):
        octets = cls.section(order=order) + cls.interface(link, order=order)
        for number, packet in enumerate(packets):
            octets += cls.enhanced(packet, units=START_NS // 1000 + number * 1000, order=order)
        return octets
