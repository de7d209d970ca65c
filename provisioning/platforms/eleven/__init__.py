"""Eleven's Resident Management API v2: sites, their PAN mappings and residents.

| Ours | Eleven's | How |
| --- | --- | --- |
| venue | site | id: SiteId, with the TeamId before it where two teams have the same; name as in the list of sites |
| unit | PAN mapping: Building, Floor, Unit, VLAN | all of building, floor and unit together are its identity |
| keypool | SSID of the mapping | one for each SSID of a site; [sync.NAME] ssid where the mapping names none |
| subscriber | resident | ResidentId; a name where there is one |
| key | resident in a unit | Passphrase of the mapping where there is one, else one is made |
| window | ActivationDateUTC to DeactivationDateUTC | empty end: open; local dates only where those are not there |
| status | Scheduled, Pending, Current: active | Deactivated, Terminated, Purged: ended; another word: as stored |
| plan, NAS, device | none | |

Complete: both lists of a site came as whole JSON (there are no pages), with no id twice, and nobody whom they lack is
there when asked for alone. The endpoint reference is not public: the paths of the lists of teams, sites and residents,
and how the token is sent, follow from the two paths that are.
"""
