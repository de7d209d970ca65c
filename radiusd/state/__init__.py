"""What the store says, in memory: who asks and where, keys and known devices, kept current by the follower."""
