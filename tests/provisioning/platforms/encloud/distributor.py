"""An enCloud that answers for devices given as plain values. The document's example of such a list is lost."""

from datetime import UTC, datetime

from provisioning.platforms import PLATFORMS, Known
from provisioning.sync import Kind, Reading, SaidNas
from tests.provisioning.platforms.drive import drive, make_settings

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
USER, PASSWORD = "api.user@iven.io", "Pass1234"
HASH = "823da4223e46ec671a10ea13d7823534"  # of that password, as the document prints it
API_KEY = "30e087a1db41aca5942f6ae72f10db3facc409ed"
CUSTOMER = "SDK15"


def device(uid, state="Registered", **members):
    """Return a device's record with all the members that are described."""
    return {
        "device_uid": uid,
        "sim_id": "8931041234567890",
        "location": [40.7128, -74.006],
        "frequency": 300,
        "created_at": "2024-01-01T00:00:00.000Z",
        "updated_at": "2024-01-31T00:00:00.000Z",
        "location_string": "1 Hudson Street",
        "state": state,
        "last_seen": "2026-11-21T11:59:20.000Z",
        "last_data": {"cell.rssi": -71},
        **members,
    }


def many(count):
    return [device(f"00A0EB{n:06X}") for n in range(count)]


class Distributor:
    """Answers both calls. `instead` holds what comes in place of the next answers: path and page, or path -> list."""

    def __init__(self, devices=(), **others):
        self.customers = {CUSTOMER: list(devices), **{name: list(rows) for name, rows in others.items()}}
        self.requests = []
        self.instead = {}
        self.tokens = 0
        self.refused = {}  # token -> the status it gets

    def __call__(self, request):
        query = dict(request.query)
        call = request.path.rpartition("/")[2]
        for key in ((call, query.get("page")), call):
            if self.instead.get(key):
                return self.instead[key].pop(0)
        if call == "authorise":
            self.tokens += 1
            return {"user": {"auth_token": f"token-{self.tokens}", "name": "API User", "email": USER}}
        token = dict(request.headers)["Authorization"]
        if token in self.refused:
            return self.refused[token]
        return self.page(query["customer_id"], int(query["page"]))

    def page(self, customer, number, **members):
        rows = self.customers[customer]
        return {
            "totalResults": sum(map(len, self.customers.values())),
            "totalFilteredResults": len(rows),
            "limit": 100,
            "page": number,
            "sort": "created_at",
            "sort_type": "DESC",
            "devices": rows[(number - 1) * 100 : number * 100],
            **members,
        }

    def asked(self, call):
        """Return the requests of a call: "authorise", "devices"."""
        return [request for request in self.requests if request.path.endswith(f"/{call}")]

    def read(self, **settings):
        """Return what a connector reads of it."""
        reading = Reading("routers", "encloud", AT)
        drive(make_connector(**settings).read(reading, Known()), self, self.requests)
        return reading


def make_connector(**settings):
    """Return a connector for one customer."""
    members = {"sites": (CUSTOMER,), "username": USER, "password": PASSWORD, "api_key": API_KEY, **settings}
    return PLATFORMS["encloud"](make_settings("encloud", **members))


def nases(reading):
    """Return the NASes that were said, by id."""
    return {nas.id: nas for nas in reading.all(SaidNas)}


def told(reading):
    """Return all faults as a person reads them."""
    return "\n".join(map(str, reading.faults))


def is_complete(reading, customer=CUSTOMER):
    return reading.is_complete(customer, Kind.NAS)
