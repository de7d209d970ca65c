"""Metrics: counters, how the processes share them, and their exposition over HTTP."""
