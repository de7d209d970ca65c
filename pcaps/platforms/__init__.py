"""Plays the platform: small HTTP servers for buildings that are invented, as strict as the platforms' documents.

`latchkey demo --platform` shows a synchronisation with one; the tests have more of them, made of the same parts.
"""
