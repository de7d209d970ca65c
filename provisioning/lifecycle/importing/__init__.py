"""Sheets of keys into the store, as one change."""
