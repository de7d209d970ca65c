"""What a run may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps and times of a run; none of them can be switched off."""

    connections: int = 8  # side by side
    connect_s: float = 10.0  # to connect, and as long again for TLS
    read_s: float = 30.0  # from one octet to the next
    request_s: float = 300.0  # one request, from its connection to the end of its answer
    attempts: int = 5  # of one request that gets no answer, or 5xx; after 429 and 503 as many as patience allows
    backoff_s: float = 1.0  # before the second attempt; doubled before each further one
    longest_backoff_s: float = 60.0
    longest_retry_after_s: float = 300.0  # a platform that wants to be left alone for longer is
    patience_s: float = 900.0  # without any answer
    run_s: float = 21_600.0  # 100,000 requests at the ten a second that some allow, twice
    body_octets: int = 128 << 20  # of one answer, or of all that answer one list of requests; decompressed
    requests: int = 1_000_000
    redirects: int = 3
