"""VAULT (API 3.0.0): operator, venues, units, keypools, plans, subscribers, subscriptions, keys, scratch cards.

| Latchkey | VAULT | Call |
| --- | --- | --- |
| venue | VenueID; VenueName, NAS-Identifier, TZ, WirelessOnlyPlanVLANOffset | C1 listVenues, C4 listVenueDetails |
| unit | UnitID_internal; UnitID, UnitBuilding, UnitFloor (DEFAULT: none), vlan | D1 listVenueUnits, D3 without vlan |
| keypool | KeyPoolID; SSID; Scope global, or anything else: local to ConnectedVenueList | F1 listKeypools |
| keypool, left out and told | AuthenticationMechanism other than WPA2 | F1, L11 listRuckusR1Controllers |
| plan | ServicePlanID; DownloadKbps, UploadKbps, ConcurrentDevices, WirelessOnlyPlan | I1 listServicePlans |
| subscriber | SubscriberToken; GivenName and FamilyName, externalSubscriberID | H1 listSubscribers, all pages |
| key | KeyID; PSK, KeyTag, UnitID_internal, Devices | G2 listSubscriberKeys, for each subscriber |
| its window and plan | those of its subscription; without one its own | H2 listSubscriptions, for each venue |
| its VLAN | its unit's; its own only where it has no unit, or that was read and has none | |
| active | Active, In Service, TRIAL | Status of subscriber, subscription and key |
| suspended: terms not accepted | AUP not accepted, PENDING | any of the three |
| suspended | Suspended | any of the three: a suspended subscriber's keys all are |
| ended | TERMINATED; a window that is over | any of the three |
| left as it is stored | Unknown, and every other word | any of the three |
| key of a scratch card | KeyID; PSK, window; ended by invalidatedUTC | J2 viewScratchCardBatch, of `batches` |
| device | Calling-Station-Id; UserDefinedHostName | G2 |
| passphrase made here | NewKey, where `write_back` is on | G1 addKey, G3 resetKey |

Complete is: as many records as the platform counts, none of them unreadable; for subscribers a total that stays the
same on all pages, the last of which is empty or repeats another; for keys an answer about every one of them, with
`sites` about everybody whose account, subscription or stored key is there. Without a venue, without anybody, and where
nobody's keys can be read, there is no reading at all.
"""
