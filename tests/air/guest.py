"""A virtual machine with simulated radios, in which the system's own hostapd and wpa_supplicant run.

QEMU without KVM boots a Debian kernel with a file system of busybox, the programs and a few modules, all taken from
this machine and made into an initramfs in a temporary folder. A shell in it takes its commands from a TCP connection
that it makes. The guest reaches this machine's 127.0.0.1 as 10.0.2.2.
"""

import base64
import contextlib
import lzma
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

HOST = "10.0.2.2"
_PROGRAMS = ("hostapd", "hostapd_cli", "wpa_supplicant", "wpa_cli", "iw")
_SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_MODULES = (
    *("mac80211_hwsim", "mac80211", "cfg80211", "rfkill", "libarc4", "virtio", "virtio_ring"),
    *("cryptd", "crypto_simd", "aesni-intel", "aes_generic", "libaes", "ccm", "cmac", "ctr", "gcm", "ghash-generic"),
    *("gf128mul", "e1000", "bridge", "stp", "llc", "8021q", "garp", "mrp"),
)
_LOADED = ("e1000", "aesni-intel", "ccm", "cmac", "ctr", "gcm", "bridge", "8021q")
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/sbin:/usr/sbin:/bin:/usr/bin
mkdir -p /proc /sys /dev /run /tmp
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
for module in {loaded}; do modprobe $module || echo "no $module"; done
modprobe mac80211_hwsim radios={radios}
ip link set lo up; ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0
mkfifo /run/asked /run/said
exec 3<> /run/asked 4<> /run/said
nc {host} {port} < /run/said > /run/asked &
echo "=== 0" >&4
while read -r line <&3; do eval "$line" < /dev/null >&4 2>&1; echo "=== $?" >&4; done
"""


class GuestError(Exception):
    """The guest did not do what it was told, or died."""


class Guest:
    """A machine that is up, with radios wlan0, wlan1, ..., whose addresses are 02:00:00:00:NN:00."""

    def __init__(self, folder: Path, kernel: Path, *, radios: int = 4, programs: dict[str, Path] | None = None) -> None:
        """Boot `kernel`, a folder with boot/ and lib/modules/; `programs` are taken instead of the system's."""
        self.console = folder / "console.log"
        self._heard = b""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.process = _boot(folder, kernel, radios, programs or {}, listener.getsockname()[1])
            try:
                self._shell = self._accept(listener, 180)
                self._read_to_prompt(60)
            except BaseException:
                self.process.kill()
                self.process.wait(20)
                raise

    def run(self, command: str, seconds: float = 30) -> str:
        """Return what one line of shell printed; raise GuestError where it failed or took longer."""
        self._shell.settimeout(seconds)
        self._shell.sendall(command.encode() + b"\n")
        status, output = self._read_to_prompt(seconds)
        if status:
            raise GuestError(f"{command}: exit status {status}\n{output}")
        return output

    def write(self, path: str, text: str) -> None:
        """Make a file in the guest."""
        encoded = base64.b64encode(text.encode()).decode()
        self.run(f"echo {encoded} | base64 -d > {shlex.quote(path)}")

    def stop(self) -> None:
        """Switch it off."""
        self._shell.close()
        self.process.kill()
        self.process.wait(20)

    def _accept(self, listener: socket.socket, seconds: float) -> socket.socket:
        deadline = time.monotonic() + seconds
        listener.settimeout(1)
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(TimeoutError):
                return listener.accept()[0]
        raise self._lost("did not come up")

    def _lost(self, why: str) -> GuestError:
        console = self.console.read_text("utf-8", "replace") if self.console.exists() else ""
        return GuestError(f"the guest {why}\n{self._heard.decode('utf-8', 'replace')}\n{console[-4000:]}")

    def _read_to_prompt(self, seconds: float) -> tuple[int, str]:
        deadline = time.monotonic() + seconds
        while not (match := re.search(rb"(?:^|\n)=== (\d+)\n", self._heard)):
            if (left := deadline - time.monotonic()) <= 0:
                raise self._lost(f"did not answer within {seconds:g} s")
            self._shell.settimeout(left)
            try:
                octets = self._shell.recv(65536)
            except TimeoutError:
                continue
            except OSError as error:
                raise self._lost(f"ended: {error}") from error
            if not octets:
                raise self._lost("ended")
            self._heard += octets
        output, self._heard = self._heard[: match.start()], self._heard[match.end() :]
        return int(match[1]), output.decode("utf-8", "replace")


def _boot(folder: Path, kernel: Path, radios: int, programs: dict[str, Path], port: int) -> subprocess.Popen[bytes]:
    image, modules = find_kernel(kernel)
    root, archive = folder / "root", folder / "initramfs"
    _furnish(root, programs, modules)
    (root / "init").write_text(_INIT.format(loaded=" ".join(_LOADED), radios=radios, host=HOST, port=port))
    (root / "init").chmod(0o755)
    files = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    pack = ["busybox", "cpio", "-o", "-H", "newc"]
    with archive.open("wb") as out:
        subprocess.run(pack, cwd=root, input=files.encode(), stdout=out, stderr=subprocess.DEVNULL, check=True)
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "512", "-no-reboot"]
    command += ["-nodefaults", "-no-user-config", "-display", "none", "-serial", f"file:{folder / 'console.log'}"]
    command += ["-kernel", str(image), "-initrd", str(archive), "-netdev", "user,id=net"]
    command += ["-device", "e1000,netdev=net,romfile="]
    # A busy machine gives the guest no interrupt in time for the kernel's check of its timer.
    command += ["-append", "console=ttyS0 quiet panic=-1 no_timer_check nowatchdog"]
    return subprocess.Popen(command)


def find_kernel(folder: Path) -> tuple[Path, Path]:
    """Return the newest kernel below `folder` that has simulated radios, and its modules; raise LookupError."""
    for image in sorted(folder.glob("boot/vmlinuz-*"), reverse=True):
        version = image.name.removeprefix("vmlinuz-")
        for modules in (folder / "lib/modules" / version, folder / "usr/lib/modules" / version):
            if any(modules.rglob("mac80211_hwsim.ko*")):
                return image, modules
    raise LookupError(f"no kernel with mac80211_hwsim in {folder}")


def _furnish(root: Path, programs: dict[str, Path], modules: Path) -> None:
    """Lay out the guest's files: busybox, the programs with their libraries, the modules."""
    (root / "bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    shutil.copy(_which("busybox"), root / "bin/busybox")
    for name in _PROGRAMS:
        program = programs.get(name) or _which(name)
        _copy(root, program, Path("/usr/sbin") / name)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            _copy(root, Path(library), Path(library))
    target = root / "lib/modules" / modules.name
    for path in modules.rglob("*.ko*"):
        if path.name.partition(".ko")[0] in _MODULES:
            target.mkdir(parents=True, exist_ok=True)
            octets = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
            (target / path.name.removesuffix(".xz")).write_bytes(octets)
    subprocess.run(["busybox", "depmod", "-b", root, modules.name], check=True, capture_output=True)


def _which(name: str) -> Path:
    found = shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        raise LookupError(f"{name} not installed")
    return Path(found)


def _copy(root: Path, source: Path, target: Path) -> None:
    place = root / target.relative_to("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)
