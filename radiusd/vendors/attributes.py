"""Numbers of the attributes that several vendors share (RFC 2865, 2868, 2869, 4372; WISPr; RFC 2548)."""

from typing import Final

USER_NAME: Final = 1
USER_PASSWORD: Final = 2
CLASS: Final = 25
SESSION_TIMEOUT: Final = 27
CALLED_STATION_ID: Final = 30
CALLING_STATION_ID: Final = 31
NAS_IDENTIFIER: Final = 32
NAS_PORT_TYPE: Final = 61
TUNNEL_TYPE: Final = 64
TUNNEL_MEDIUM_TYPE: Final = 65
TUNNEL_PASSWORD: Final = 69
EAP_MESSAGE: Final = 79
TUNNEL_PRIVATE_GROUP_ID: Final = 81
CHARGEABLE_USER_IDENTITY: Final = 89
MS_MPPE_RECV_KEY: Final = (26, 311, 17)
WISPR_UP: Final = (26, 14122, 7)
WISPR_DOWN: Final = (26, 14122, 8)
