"""Measurements, one question a file, and the demonstration. Results are checked before anything is timed."""

__all__: list[str] = []
