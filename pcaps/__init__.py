"""Plays the access point: builds and reads what goes over the air and the wire."""

__all__: list[str] = []
