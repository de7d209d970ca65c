"""A small real HTTP(S) server whose answers a test writes, octet by octet if need be; certificates; a clock."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Asked:
    """A request as it came."""

    connection: int  # the first is 1
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def reply(status=200, body=b"{}", *headers):
    """Return the octets of an answer."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Site:
    """Answers with what `script(asked)` returns: octets, an iterable of them, or None to hang up. A context manager."""

    def __init__(self, script, tls=None):
        self.script = script
        self.tls = tls
        self.asked = []
        self.most_at_once = 0
        self.closing = threading.Event()  # for scripts that keep somebody waiting
        self._at_once = 0
        self._lock = threading.Lock()
        self._connections = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def targets(self):
        return [asked.target for asked in self.asked]

    @property
    def connections(self):
        return len(self._connections)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection, len(self._connections)), daemon=True).start()

    def _serve(self, plain, number):
        with contextlib.suppress(OSError, ValueError):
            connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with connection, connection.makefile("rb") as file:
                while line := file.readline():
                    method, target, _ = line.decode().split(" ")
                    headers = {}
                    while (line := file.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode().partition(":")
                        headers[name.lower()] = value.strip()
                    asked = Asked(number, method, target, headers, file.read(int(headers.get("content-length", 0))))
                    if not self._answer(connection, asked):
                        return

    def _answer(self, connection, asked):
        with self._lock:
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            octets = self.script(asked)
            if octets is None:
                return False
            for part in [octets] if isinstance(octets, bytes) else octets:
                connection.sendall(part)
        finally:
            with self._lock:
                self._at_once -= 1
        return not isinstance(octets, bytes) or b"\r\nConnection: close" not in octets


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.time = 1_000.0
        self.slept = []

    def __call__(self):
        return self.time

    def now(self):
        return 1_800_000_000.0 + self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds

    @property
    def members(self):
        return {"clock": self, "now": self.now, "sleep": self.sleep, "jitter": lambda: 0.0}


@dataclass
class Certificate:
    """A certificate and its key as PEM files; it is its own authority."""

    path: object
    key_path: object

    @property
    def server(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key_path)
        return context


def make_certificate(folder, name, *, address="127.0.0.1", starts=-1, ends=1):
    """Return a certificate for an address, valid from so many days from now to so many."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=starts))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    certificate.path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    certificate.key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate


def one(request):
    """A connector that asks once and returns the answer."""
    answer = yield request
    return answer
