"""The command `sync`: properties that are kept as their platforms have them."""
