"""Keys for the formats, of as much as a test says."""

from crypto import MacAddress
from provisioning import Device, Passphrase
from provisioning.exports.controllers import LivingKey

PHONE = MacAddress.parse("02:00:00:00:01:00")
TABLET = MacAddress.parse("02:00:00:00:01:01")


PASSPHRASE = "sunny-Otter-41"


def living(id_=17, identity="Ann Lee", passphrase=PASSPHRASE, *, vlan=None, only=None, former=False, devices=()):
    return LivingKey(
        id=id_,
        identity=identity,
        passphrase=Passphrase(passphrase.encode()),
        vlan=vlan,
        devices=tuple(devices),
        only=only,
        ends=None,
        former=former,
    )


def known(mac, *, registered=False, sequence=0, key_id=17):
    return Device(1, mac, key_id, registered, sequence)


def text_of(rendered):
    """Return the lines of a rendered file as one text."""
    return "".join(each for each in rendered if isinstance(each, str))
