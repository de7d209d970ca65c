"""A building whose access point and stations are real ones: hostapd and wpa_supplicant with simulated radios."""

import re
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def documented(document: str, section: str) -> str:
    """Return the lines of hostapd.conf that a document gives under a heading."""
    text = (ROOT / document).read_text("utf-8")
    match = re.search(rf"^#+ {re.escape(section)}$.*?^```ini\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert match, f"{document} has no lines for hostapd under {section!r}"
    return match[1]


def changed(lines: str, **settings: object) -> str:
    """Return the lines of a configuration with these set: in their place where they are there already."""
    for name, value in settings.items():
        line = f"{name}={value}"
        lines, times = re.subn(rf"(?m)^{name}=.*$", line, lines)
        lines = lines if times else f"{lines}{line}\n"
    return lines


class Air:
    """Access points and stations in one guest, and the log of the server that they ask."""

    def __init__(self, guest, server_log):
        self.guest, self.server_log = guest, server_log

    def until(self, what, check, seconds=60):
        """Return what `check` returns as soon as that is true; fail with all logs where it is not in time."""
        started = time.monotonic()
        while not (result := check()):
            if time.monotonic() > started + seconds:
                logs = self.guest.run("tail -n 60 /tmp/*.log")
                raise AssertionError(f"not within {seconds} s: {what}\n{logs}\n{self.server_log()}")
            time.sleep(0.2)
        print(f"{what}: after {time.monotonic() - started:.1f} s")  # pytest shows it where a test fails
        return result

    def log(self, pattern, after=0):
        """Wait for a line of the server's log, after that many characters, and return the match."""
        return self.until(pattern, lambda: re.compile(pattern).search(self.server_log(), after))


def start_hostapd(air, lines):
    """Start one hostapd with the lines of its configuration for each radio, and return its access points."""
    for radio, text in lines.items():
        own = f"interface=wlan{radio}\ndriver=nl80211\nctrl_interface=/run/hostapd\nhw_mode=g\nchannel=1\n"
        air.guest.write(f"/etc/wlan{radio}.conf", own + text)
    files = " ".join(f"/etc/wlan{radio}.conf" for radio in lines)
    air.guest.run(f"hostapd -B -t -f /tmp/hostapd.log {files}")
    access_points = [AccessPoint(air, radio) for radio in lines]
    for each in access_points:
        air.until(f"{each.name} is an access point", lambda each=each: "state=ENABLED" in each.ask("status"))
    return access_points


class AccessPoint:
    """What hostapd does on a radio."""

    def __init__(self, air, radio):
        self.air, self.name = air, f"wlan{radio}"
        self.address = f"02:00:00:00:{radio:02x}:00"

    def ask(self, command):
        """Return what hostapd says to a command."""
        return self.air.guest.run(f"hostapd_cli -p /run/hostapd -i {self.name} {command}")

    def station(self, station):
        """Return what hostapd knows of a station, by name."""
        return dict(re.findall(r"(?m)^(\w+)=(.*)$", self.ask(f"sta {station.address}")))


class Station:
    """wpa_supplicant on a radio, in a network namespace of its own, so that data takes the air."""

    def __init__(self, air, radio):
        self.air, self.name = air, f"wlan{radio}"
        self.address = f"02:00:00:00:{radio:02x}:00"
        air.guest.run("unshare -n sleep 100000 & echo $! > /run/namespace")
        self.namespace = air.guest.run("cat /run/namespace").strip()
        air.until(
            "a namespace of its own",
            lambda: air.guest.run(f"[ /proc/self/ns/net -ef /proc/{self.namespace}/ns/net ] || echo its own"),
        )
        air.guest.run(f"iw phy phy{radio} set netns {self.namespace}")

    def inside(self, command, seconds=30):
        """Return what a command in the station's namespace prints."""
        return self.air.guest.run(f"nsenter -t {self.namespace} -n {command}", seconds)

    def start(self, network):
        """Look for this network, and for nothing else; what came before is forgotten."""
        self.stop()
        lines = "".join(f"  {name}={value}\n" for name, value in network.items())
        self.air.guest.write(f"/etc/{self.name}.conf", f"ctrl_interface=/run/{self.name}\nnetwork={{\n{lines}}}\n")
        self.inside(f"wpa_supplicant -B -t -i {self.name} -f /tmp/{self.name}.log -c /etc/{self.name}.conf")

    def connect(self, network):
        """Look for the network and wait until the station is in it."""
        self.start(network)
        self.air.until(f"{self.name} is in", self.is_in)

    def stop(self):
        """Leave, and forget."""
        command = (
            f"if [ -e /run/{self.name}/{self.name} ]; then wpa_cli -p /run/{self.name} -i {self.name} terminate; fi"
        )
        self.air.guest.run(command)
        self.air.until("it has ended", lambda: self.air.guest.run(f"[ -e /run/{self.name}/{self.name} ] || echo gone"))
        self.air.guest.run(f"rm -f /tmp/{self.name}.log")

    def ask(self, command):
        """Return what wpa_supplicant says to a command."""
        return self.air.guest.run(f"wpa_cli -p /run/{self.name} -i {self.name} {command}")

    def is_in(self):
        """Return whether it has finished the 4-way handshake."""
        return "wpa_state=COMPLETED" in self.ask("status")

    def says(self, pattern, seconds=60):
        """Wait for words of wpa_supplicant's, and return the match."""
        found = re.compile(pattern)
        log = f"cat /tmp/{self.name}.log"
        return self.air.until(f"{self.name} says {pattern}", lambda: found.search(self.air.guest.run(log)), seconds)
