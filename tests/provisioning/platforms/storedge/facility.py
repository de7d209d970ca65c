"""A storEDGE that answers for tenants given as plain values, as the document's examples look."""

from datetime import UTC, datetime

from provisioning.platforms import PLATFORMS, Known
from provisioning.sync import Kind, Reading, SaidKey
from tests.provisioning.platforms.drive import drive, make_settings

SITE = "1728aed1-8dd9-430d-a71c-4224e521ce59"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLEAR = dict.fromkeys(
    ("gate_lockout_complete", "overlock_complete", "cut_lock_complete", "lien_complete", "auction_complete"), False
)


def tenant(id_, *current, previous=(), **members):
    """Return a tenant's record; active where it has a current ledger."""
    return {
        "id": id_,
        "account_number": 1000000,
        "first_name": id_.title(),
        "last_name": "Wehner",
        "is_business": False,
        "business_name": None,
        "delinquent": False,
        "current_ledger_ids": list(current),
        "preferences": {"email_invoices": True, "delinquency_exempt": False},
        "active": bool(current),
        "facility_id": SITE,
        "previous_ledger_ids": list(previous),
        "lead_ids": [],
        **members,
    }


def meta(**members):
    """Return what stands beside an answer's object."""
    return {"status_code": 200, "status_message": "OK", "request_id": None, **members}


class Facility:
    """Answers calls 2, 3, 10 and 13 of one facility; `requests` are those that came."""

    def __init__(self, current=(), previous=(), *, ledgers=None, arrears=None, per_page=100, site=SITE):
        self.lists = {"current": list(current), "previous": list(previous)}
        self.ledgers = ledgers or {}  # by tenant
        self.arrears = arrears or {}  # by tenant
        self.per_page, self.site = per_page, site
        self.requests = []
        self.instead = {}  # path and page, or path: what comes in place of the answer

    def __call__(self, request):
        query = dict(request.query)
        page = query.get("page")
        for key in ((request.path, page), request.path):
            if key in self.instead:
                return self.instead[key]
        parts = request.path.removeprefix(f"/v1/{self.site}/tenants/").split("/")
        match parts:
            case [("current" | "previous") as which]:
                return self.page(which, int(page))
            case [id_, "delinquency"]:
                return {"delinquency": self.arrears.get(id_, CLEAR), "meta": meta()}
            case [id_, "ledgers"]:
                return {"ledgers": self.ledgers.get(id_, []), "meta": meta()}
        return 404

    def page(self, which, number, **pagination):
        rows = self.lists[which]
        start = (number - 1) * self.per_page
        pages = max(1, -(-len(rows) // self.per_page))
        place = {
            "current_page": number,
            "total_pages": pages,
            "per_page": self.per_page,
            "total_entries": len(rows),
            "previous_page": number - 1 if number > 1 else None,
            "next_page": number + 1 if number < pages else None,
        }
        return {
            "tenants": rows[start : start + self.per_page],
            "meta": meta(pagination={**place, **pagination}),
        }

    def path(self, *parts):
        return "/".join((f"/v1/{self.site}/tenants", *parts))

    def read(self, known=None, **options):
        """Return what a connector reads of it; options: `at`, and settings."""
        return read(self, known, requests=self.requests, **options)

    def asked(self, what):
        """Return how often a call was made: "current", "delinquency", ..."""
        return sum(request.path.endswith(f"/{what}") for request in self.requests)


def make_connector(**settings):
    """Return a connector for one facility."""
    members = {"sites": (SITE,), "ssid": "Storage", "timezone": "America/New_York", "token": "t0ken", **settings}
    return PLATFORMS["storedge"](make_settings("storedge", **members))


def read(answers, known=None, *, requests=None, at=AT, **settings):
    """Return the Reading of what answers."""
    reading = Reading("hudson", "storedge", at)
    drive(make_connector(**settings).read(reading, known or Known()), answers, requests)
    return reading


def keys(reading):
    """Return the keys that were said, by ledger."""
    return {key.id.partition("/")[2]: key for key in reading.all(SaidKey)}


def told(reading):
    """Return all faults as a person reads them."""
    return "\n".join(map(str, reading.faults))


def ids(*ledgers):
    """Return the keys' ids."""
    return frozenset(f"{SITE}/{ledger}" for ledger in ledgers)


def stored(*ledgers, suspended=(), ends=None):
    """Return what the store knows: keys of these ledgers, each in a unit of its own."""
    return Known(
        keys=ids(*ledgers),
        suspended=ids(*suspended),
        units_of_keys={f"{SITE}/{ledger}": f"{SITE}/unit-{ledger}" for ledger in ledgers},
        ends_of_keys={f"{SITE}/{ledger}": at for ledger, at in (ends or {}).items()},
    )


def is_complete(reading):
    """Return whether a key that is not said is not there."""
    return reading.is_complete(SITE, Kind.KEY)
