"""RUCKUS One, the other way round: DPSK passphrases of its pools are made, changed and removed as the store has them.

Source: the vendor's public documents "DPSK Service API 0.0.3" and "Activity API" (docs.ruckus.cloud), and what users of
it found where those are silent or say otherwise.

| RUCKUS One | Latchkey | Note |
| --- | --- | --- |
| DPSK service (pool), by name | keypool of that SSID | or as `[sync.NAME.pools]` says; one that mails is left alone |
| passphrase `id` | (connector, id) of a key | never by name |
| `username` | `latchkey-`, the key's id, a mark | finds what an interruption left; stored before it is sent |
| `passphrase` | passphrase | 8 to 63 characters: a key that is a raw PMK cannot be there |
| `vlanId` | VLAN of the key, else of its unit | null takes it away |
| `expirationDate` | end of the window | null: open; one that has not started is not there yet |
| `numberOfDevices`, `deviceCountLimit` | left to the pool | what `numberOfDevicesType` may be is not documented |
| `revocationDate`, `revocationReason` | left out | how a revocation is undone is not documented: suspended is removed |

Calls: `POST /oauth2/token/{tenantId}` (form, client credentials), `POST /dpskServices/query` (without pages: users find
any page refused), `POST /dpskServices/{poolId}/passphrases/query` (pages from 0 by the document, from 1 as users find
it: both are read where the total is not reached; rows in `data`, total in `totalCount`), `GET /{id}` (what a list of
them lacks), `POST`, `PATCH /{id}` and `DELETE` (a list of ids) of `/dpskServices/{poolId}/passphrases`, and
`GET /activities/{requestId}`. A write is answered 202 and may fail afterwards: its activity tells, and reading it back.

Hosts: the document names three. Another is taken, with a line that says so: the vendor may open a fourth, the name is
the operator's explicit word, and its certificate is verified.
"""
