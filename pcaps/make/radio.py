"""One radio that hears everything: sequence numbers, times, protection and radiotap headers for frames in turn."""

from typing import Final

from scapy.layers.dot11 import Dot11, RadioTap
from scapy.packet import Packet, Raw

from .ccmp import CcmpKey
from .frames import FREQUENCY_MHZ
from .writer import RADIO, Frame

_MANAGEMENT: Final = 0
_SLOW_MBPS, _FAST_MBPS = 1, 24
_SIGNAL_DBM: Final = -47
_HEARD_AS: Final = "TSFT+Flags+Rate+Channel+dBm_AntSignal"
_GAP_US: Final = 1200


class Air:
    """What was heard so far, and the clock it was heard by."""

    def __init__(self, start_us: int) -> None:
        self.frames: list[Frame] = []
        self.now_us = start_us
        self._start_us = start_us
        self._numbers: dict[str, int] = {}

    def wait(self, microseconds: int) -> None:
        """Let time pass in which nothing is heard."""
        self.now_us += microseconds

    @property
    def uptime_us(self) -> int:
        """Time since the start: what beacons say."""
        return self.now_us - self._start_us

    def send(self, frame: Packet) -> None:
        """Put a whole frame on the air."""
        self._number(frame)
        self._hear(frame)

    def send_protected(self, header: Packet, body: Packet, key: CcmpKey) -> None:
        """Put a data frame on the air whose body goes under CCMP."""
        self._number(header)
        self._hear(header / Raw(key.encrypt(bytes(header), bytes(body))))

    def _number(self, frame: Packet) -> None:
        sender = frame[Dot11].addr2
        number = self._numbers.get(sender, 0)
        self._numbers[sender] = number + 1
        frame[Dot11].SC = (number & 0xFFF) << 4

    def _hear(self, frame: Packet) -> None:
        slow = frame[Dot11].type == _MANAGEMENT
        radio = RadioTap(
            present=_HEARD_AS,
            mac_timestamp=self.uptime_us,
            Flags=0,  # in particular, no FCS at the end
            Rate=_SLOW_MBPS if slow else _FAST_MBPS,
            ChannelFrequency=FREQUENCY_MHZ,
            ChannelFlags="CCK+2GHz" if slow else "OFDM+2GHz",
            dBm_AntSignal=_SIGNAL_DBM,
        )
        self.frames.append(Frame(self.now_us, RADIO, bytes(radio / frame)))
        self.wait(_GAP_US)
