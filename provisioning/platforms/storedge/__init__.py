"""storEDGE, Tenants API v1: tenants of storage facilities become keys, one per current ledger. It is only read.

    Latchkey      storEDGE                        how
    venue         facility                        `sites`: nothing lists facilities; its zone is `timezone`
    keypool       -                               `ssid`, one per facility
    subscriber    tenant                          facility/tenant; the name alone is kept, nothing else about the person
    unit          unit of a ledger                [sync.NAME.units] by ledger, else call 13 (`ledgers`): where it is not
                                                  known or its end is near, and of 32 others per reading, as
                                                  tenants change units;
                                                  building, floor, VLAN: in the table, by ledger or the unit's id
    key           current ledger                  facility/ledger, one per unit of a tenant; the passphrase is made
    window        moved_in_on, moved_out_on       where call 13 has them; else from when it is first seen, and open
    active        current, active, not locked out
    suspended     any of the five steps of arrears is done (call 10), and the tenant is not exempt: "delinquent"
    ended         previous: by tenant (call 2), or by ledger of a tenant who stays
    no key        leads, records without a ledger
    as stored     in neither list; `active` and the ledgers disagree; the steps of arrears are not all known

The lists are proven by `meta.pagination`: the same totals in all pages, and as many tenants as they say. Where they do
not add up, or a status but 200 is met (HTTP's or meta's), nothing of the facility is taken; of call 13 that costs the
ledger alone. A table's url may end in /v1, which then is not repeated.
"""
