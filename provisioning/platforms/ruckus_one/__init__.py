"""RUCKUS One, the other way round: DPSK passphrases of its pools are made, changed and removed as the store has them.

Source: the vendor's public documents "DPSK Service API 0.0.3" and "Activity API" (docs.ruckus.cloud), and what users of
it found where those are silent.

| RUCKUS One | Latchkey | Note |
| --- | --- | --- |
| DPSK service (pool), by name | keypool of that SSID | or as `[sync.NAME.pools]` says; one that mails is left alone |
| passphrase `id` | (connector, id) of a key | never by name; a mark in `username` finds what an interruption left |
| `username` | `latchkey-` and the key's id | |
| `passphrase` | passphrase | 8 to 63 characters: a key that is a raw PMK cannot be there |
| `vlanId` | VLAN of the key, else of its unit | |
| `expirationDate` | end of the window | one that has not started is not there yet |

Calls: `POST /oauth2/token/{tenantId}` (form, client credentials), `POST /dpskServices/query` (no paging: any page is
refused), `POST /dpskServices/{poolId}/passphrases/query` (pages from 1; rows in `data`, total in `totalCount`),
`POST`, `PATCH /{id}` and `DELETE` (a list of ids) of `/dpskServices/{poolId}/passphrases`, and
`GET /activities/{requestId}`. A write is answered 202 and may fail afterwards: its activity tells, and the next run
reads what became of it.
"""
