"""The commands about keys, devices and cards."""
