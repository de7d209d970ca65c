"""LEAP's Property Relationship API v1: which accounts occupy which properties, as XML.

| Ours | LEAP's | How |
| --- | --- | --- |
| venue | none | `sites` of [sync.NAME], or `venue` of a unit; without either the connector's name |
| unit | property | identifier; [sync.NAME.units] says where it is; what is not in there is not guessed |
| keypool | none | `ssid` |
| subscriber | account | identifier, a text; extid is its external id. There is no name |
| key | relationship that is OCCUPIER | identifier; extid is its external id. An OWNER gets none |
| window | start-date to end-date | whole days in `timezone`, the last one included; no end: open |
| status | follows from the dates | nothing is removed at LEAP: a record that is missing is a fault, and never an end |
| plan, NAS, device | none | |

Complete: two readings of the list, one after the other, have the same identifiers. That is said of venues, units
and keypools; of keys nothing is ever concluded from one that is missing.
"""
