"""The programs that the files are for: hostapd itself, and the function with which rlm_dpsk takes a line apart."""

import ctypes
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

_CONFIGURATION = """interface=lo
driver=none
ssid=Home
wpa=2
rsn_pairwise=CCMP
"""
_PASSWORD = re.compile(
    r"SAE: password - hexdump_ascii\(len=(\d+)\):\n((?:     [0-9a-f]{2} .*\n)+)"
    r"(?:SAE: password identifier: (.*)\n)?"
)


class Refused(Exception):  # noqa: N818
    """hostapd does not start with the file, or rlm_dpsk would stop reading it."""


def start_hostapd(folder, lines):
    """Return the log of a hostapd without a radio that has started with more lines of hostapd.conf."""
    configuration = folder / "hostapd.conf"
    configuration.write_text(_CONFIGURATION + lines, "utf-8")
    program = shutil.which("hostapd", path="/usr/sbin:/usr/bin")
    command = [program, "-dd", "-K", str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        log = []
        for line in process.stdout:
            log.append(line)
            if "AP-ENABLED" in line:
                process.terminate()
                break
        process.communicate(timeout=30)
    text = "".join(log)
    if "AP-ENABLED" not in text:
        raise Refused(text[-2000:])
    return text


def read_psk_file(folder, text):
    """Raise Refused unless hostapd starts with a wpa_psk_file."""
    file = folder / "psks"
    file.write_text(text, "utf-8")
    start_hostapd(folder, f"wpa_key_mgmt=WPA-PSK\nwpa_psk_file={file}\n")


def read_sae_passwords(folder, text):
    """Return the (password, identifier or None) that hostapd has of the entries, the last one first.

    hostapd 2.10, which Debian 12 and 13 have, takes them from hostapd.conf; the file came with 2.11.
    """
    lines = "wpa_key_mgmt=SAE\nsae_pwe=2\n" + "".join(f"sae_password={line}\n" for line in text.splitlines())
    found = []
    for length, dump, identifier in _PASSWORD.findall(start_hostapd(folder, lines)):
        octets = bytes.fromhex("".join(line[5 : 5 + 48] for line in dump.splitlines()))
        assert len(octets) == int(length)
        found.append((octets.decode(), identifier or None))
    return found


@cache
def _getstring():
    # Of the same text from FreeRADIUS 3.2.1, which Debian 12 has without rlm_dpsk, to 3.2.11.
    path = next(Path("/usr/lib").glob("**/libfreeradius-radius.so"))
    function = ctypes.CDLL(str(path)).getstring
    function.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.c_int, ctypes.c_bool]
    function.restype = ctypes.c_int
    return function


def _fields(line):
    """Yield the fields of a line as rlm_dpsk takes them off it, and what follows each."""
    buffer = ctypes.create_string_buffer(line)
    place = ctypes.c_void_p(ctypes.addressof(buffer))
    while True:
        field = ctypes.create_string_buffer(256)
        if _getstring()(ctypes.byref(place), field, len(field), True) == 0:
            raise Refused("broken quote")
        after = ctypes.string_at(place.value, 1)
        yield field.value, after
        place.value += 1


def read_dpsk_file(octets, mac):
    """Return (identity, psk, VLAN or None) of the rows that rlm_dpsk 3.2.11 tries for a device, in order.

    A row with the device's address is the last: it fails behind that, whatever follows.
    """
    tried = []
    for line in octets.splitlines(keepends=True):
        assert len(line) < 1024
        fields = _fields(line)
        identity, after = next(fields)
        if after != b",":
            raise Refused(f"no comma behind the identity, but {after!r}")
        psk, after = next(fields)
        address, vlan = b"", b""
        if after == b",":
            address, after = next(fields)
        if after == b",":
            vlan, after = next(fields)
        if address and not re.fullmatch(rb"[0-9a-fA-F]{12}", address):
            raise Refused("MAC")
        if address and bytes.fromhex(address.decode()) != mac:
            continue
        if vlan and not (vlan.isdigit() and 1 <= int(vlan) <= 4094):
            raise Refused("VLAN")
        tried.append((identity.decode(), psk.decode(), int(vlan) if vlan else None))
        if address:
            break
    return tried
