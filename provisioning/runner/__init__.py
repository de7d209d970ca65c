"""Synchronisation with a platform: one run from its question to what is stored."""
