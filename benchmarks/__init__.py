"""Measurements, one question a file. Results are checked before anything is timed."""

__all__: list[str] = []
