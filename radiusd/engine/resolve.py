"""What is decided about a request, from what the index knows. No octets, no log, no clock."""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime

from crypto import CryptoError, Handshake, MacAddress, Ssid, UnsupportedAkm
from provisioning import Answers, Key, Reason, UnknownDevices

from ..errors import DialectError, UnsupportedError
from ..model import Accept, Admit, Decision, How, Lookup, Offer, Reject, Repeatable
from ..state.index import Index
from .transaction import Search, Transaction

_NAS_IDENTIFIER, _CHARGEABLE_USER_IDENTITY = 32, 89
_LONGEST_SESSION_S = 2**32 - 1
# So many salted passphrases of any length fit a packet beside all else, named as UniFi wants them. A pool also holds
# keys that are not valid (now, or any more): more of them than this are not read while a request waits.
_MOST_OFFERED, _MOST_READ = 32, 256
_UNKNOWN_PASSPHRASE = Reason("unknown passphrase", "unknown-passphrase")
_UNKNOWN_DEVICE = Reason("unknown device", "unknown-device")
_NO_KEYS = Reason("unknown passphrase: the keypool has no keys", "empty-keypool")
_NO_KEYS_FOR_DEVICE = Reason("unknown device: the keypool has no keys", "empty-keypool")
_NO_HANDSHAKES = Reason("this NAS may not ask with a handshake, only by a device's address", "not-allowed")
_NO_LOOKUPS = Reason("this NAS may not ask by a device's address, only with a handshake", "not-allowed")


def understand(transaction: Transaction, index: Index) -> Reject | Admit | None:
    """Fill in what the request asks and where; return the decision where it cannot be asked so."""
    try:
        transaction.subject = transaction.dialect.decode_request(transaction.request)
    except (DialectError, CryptoError) as error:
        return Reject(
            Reason(str(error), "unsupported" if isinstance(error, UnsupportedAkm | UnsupportedError) else "malformed"),
            error,
        )
    return locate(transaction, index)


def locate(transaction: Transaction, index: Index) -> Reject | Admit | None:
    """Fill in where the request comes from and which keys it can mean; return the decision where it can mean none."""
    subject = transaction.subject
    assert subject is not None  # noqa: S101 (it was understood)
    venue = index.venue(transaction.client.nas, transaction.request.first(_NAS_IDENTIFIER))
    transaction.venue = None if venue is None else venue.name
    transaction.keyrings = index.keyrings(venue, subject.ssid)
    if (refusal := _refuse_question(transaction)) is not None:
        return refusal
    return None if transaction.keyrings else Reject(_explain_no_keypool(transaction, index, subject.ssid))


def _refuse_question(transaction: Transaction) -> Reject | Admit | None:
    """Return the decision about a question that this NAS may not ask, whatever the answer would be."""
    answers, by_handshake = transaction.client.nas.answers, isinstance(transaction.subject, Handshake)
    if by_handshake:
        return Reject(_NO_HANDSHAKES) if answers is Answers.LOOKUPS else None
    if answers is not Answers.HANDSHAKES:
        return None
    # Without an Accept, which holds nothing, these access points would never show the handshake.
    return Admit(_NO_LOOKUPS) if transaction.dialect.accepts_unknown else Reject(_NO_LOOKUPS)


def _explain_no_keypool(transaction: Transaction, index: Index, ssid: Ssid) -> Reason:
    """Return what is to be put right, the SSID or the place."""
    nearest = index.nearest_ssid(ssid)
    if nearest is None:
        why = "no keypool has this SSID"
    elif nearest != ssid:
        why = f"no keypool has this SSID, one has {nearest}"
    elif transaction.venue is not None:
        why = "no keypool of this venue has this SSID, one elsewhere has"
    else:
        sent = transaction.request.first(_NAS_IDENTIFIER)
        name = "it sends none" if sent is None else f"it sends {sent.decode('utf-8', 'backslashreplace')}"
        why = (
            f"no keypool for an unknown venue has this SSID: no venue has the NAS-Identifier ({name}), nor its NAS one"
        )
    return Reason(why, "no-keypool")


def resolve(transaction: Transaction, index: Index, now: datetime) -> Decision | Search:
    """Return the decision about a request that was understood, or the search that it takes."""
    subject = transaction.subject
    if isinstance(subject, Handshake):
        return _try_known(transaction, subject, index, now)
    assert subject is not None  # noqa: S101
    return _look_up(transaction, subject, index, now)


def conclude(search: Search, index: Index, now: datetime) -> Decision | Search:
    """Return the decision about what a search has found, or the search again where it must go on."""
    if search.hit is None:
        return search.refusal or Reject(_UNKNOWN_PASSPHRASE)
    keypool_id, key_id = search.hit
    key = index.key(key_id)
    if key is None or not index.matches(keypool_id, key_id, search.handshake):
        return search  # gone since it was found, or its passphrase is another, or all the database is
    invalid = key.refusal(search.handshake.spa, search.transaction.nas_names, now)
    if invalid is None:
        if search.transaction.proven:
            index.learn(keypool_id, search.handshake.spa, key_id)
        return _accept(search.transaction, key, How.SEARCH, index, now)
    search.refusal = search.refusal or Reject(invalid, key=key)
    return search  # a removed key and a live one may share their passphrase


def _look_up(transaction: Transaction, lookup: Lookup, index: Index, now: datetime) -> Decision:
    refusal: Reject | None = None
    for keypool_id, _ in transaction.keyrings:
        for key in filter(None, map(index.key, index.devices.keys(keypool_id, lookup.device))):
            invalid = key.refusal(lookup.device, transaction.nas_names, now)
            if invalid is None:
                return _accept(transaction, key, How.LOOKUP, index, now)
            refusal = refusal or Reject(invalid, key=key)
    if (
        transaction.dialect.accepts_unknown
    ):  # also with a key that may not be used: the handshake may be made with another
        return Admit(_UNKNOWN_DEVICE) if refusal is None else Admit(refusal.reason, refusal.key)
    if transaction.dialect.tries_several_keys and transaction.client.nas.unknown_devices is UnknownDevices.OFFER:
        return _offer(transaction, lookup, index, now)
    return refusal or Reject(_UNKNOWN_DEVICE if transaction.keys else _NO_KEYS_FOR_DEVICE)


def _offer(transaction: Transaction, lookup: Lookup, index: Index, now: datetime) -> Decision:
    """Return all keys that a device could have, or why they cannot be offered."""
    if transaction.keys > _MOST_READ:
        return _not_offered(f"of {transaction.keys} keys at most {_MOST_OFFERED} can be offered")
    found = (index.key(key_id) for _, pool in transaction.keyrings for key_id in pool.key_ids())
    device, names = lookup.device, transaction.nas_names
    usable = (key for key in found if key is not None and key.refusal(device, names, now) is None)
    keys = sorted(usable, key=lambda key: key.id)
    if not keys:
        return _not_offered("no key is valid")
    if len(keys) > _MOST_OFFERED:
        return _not_offered(f"of {len(keys)} valid keys at most {_MOST_OFFERED} can be offered")
    if len({key.effective_vlan for key in keys}) > 1:
        return _not_offered("the keys it could have are of several VLANs")
    if transaction.proven:
        index.offers.note(transaction.client.nas.id, lookup.device, [key.id for key in keys], now)
    ends = [until for key in keys if (until := key.usable_until(device, names, now)) is not None]
    return Offer(keys=tuple(keys), session_timeout_s=_seconds(min(ends) if ends else None, now))


def _not_offered(why: str) -> Reject:
    return Reject(Reason(f"unknown device, and {why}", _UNKNOWN_DEVICE.code))


def _try_known(transaction: Transaction, handshake: Handshake, index: Index, now: datetime) -> Decision | Search:
    """Test the keys that this device is known with; one that fits and may be used needs no search.

    All of them, since a cool-down comes next: others may have used this address with keys of their own.
    """
    refusal: Reject | None = None
    for keypool_id, pool in transaction.keyrings:
        for key_id in index.devices.keys(keypool_id, handshake.spa):
            key = index.key(key_id) if pool.matches(key_id, handshake) else None
            if key is None:
                continue
            invalid = key.refusal(handshake.spa, transaction.nas_names, now)
            if invalid is None:
                if transaction.proven:
                    index.learn(keypool_id, handshake.spa, key_id)
                return _accept(transaction, key, How.KNOWN, index, now)
            refusal = refusal or Reject(invalid, key=key)
    return Search(transaction, handshake, refusal) if transaction.keys else Reject(_NO_KEYS)


def grant(
    key: Key,
    device: MacAddress,
    how: How,
    now: datetime,
    *,
    nas_names: Container[str] = (),
    name_asked: bool = False,
) -> Accept:
    """Return the Accept of a key that is valid now. Every Accept is made here, also those that are made in advance.

    nas_names: of the NAS that asks; in advance none is known, and what depends on it is not repeated

    # Rule: a rule that may end sooner than the key bounds `until`, one that counts or asks anew gives no permission:
    # what is not said to be repeatable is decided for each request.
    """
    until = key.usable_until(device, nas_names, now)
    return Accept(
        key=key,
        how=how,
        session_timeout_s=_seconds(until, now),
        # What is made for one NAS is repeated to others that ask for the same keypools.
        repeatable=None if key.depends_on_nas else Repeatable(device, until=until, session_ends=until),
        name_asked=name_asked,
    )


def _accept(transaction: Transaction, key: Key, how: How, index: Index, now: datetime) -> Accept:
    name_asked = transaction.request.first(_CHARGEABLE_USER_IDENTITY) is not None
    names = transaction.nas_names
    accept = grant(key, transaction.device, how, now, nas_names=names, name_asked=name_asked)
    if transaction.proven:
        index.sightings.note(transaction.device.value, key.id)
    if _first_choice(transaction, index) == key.id:
        return accept
    # Another key comes before this one in a lookup, now or when it may be used again: that would repeat the wrong one.
    return replace(accept, repeatable=None)


def _first_choice(transaction: Transaction, index: Index) -> int | None:
    """Return the key that comes first for this device, whether or not it may be used now."""
    for keypool_id, _ in transaction.keyrings:
        for key_id in index.devices.keys(keypool_id, transaction.device):
            return key_id
    return None


def _seconds(ends: datetime | None, now: datetime) -> int | None:
    if ends is None:
        return None
    return min(max(int((ends - now).total_seconds()), 1), _LONGEST_SESSION_S)
