"""enCloud and enSite, integration API: routers of customers become NASes. It is only read.

    Latchkey      enCloud                         how
    venue         customer                        `sites`: unique ids, asked one by one: no device names its own
    NAS           device                          its UID without separators; address, secret and profile are configured
    enabled       Registered, active
                  Waiting For Response            and told to be silent
    disabled      Passive, Expired
    as stored     any other word, a device under two customers
    last seen     last_seen                       ISO 8601, Unix seconds or MM/DD/YYYY hh:mm:ss AM, as UTC; else unknown

One token per run, asked for with Basic (the MD5 of the password) and sent bare beside API-KEY; where it is refused, one
new one and one repetition, as often as that gets calls answered. A customer's devices are proven by
totalFilteredResults: the same in all pages and reached; where they are not, they are read once more. A table's url may
end in /integration, which then is not repeated.
"""
