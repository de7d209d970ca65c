"""Datagram to datagram: what is decided about a request, and what is remembered of it.

No sockets, no threads, no SQL.
"""
