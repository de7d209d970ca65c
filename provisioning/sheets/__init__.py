"""Sheets of keys, in and out: files as spreadsheet programs write them, and as they read them."""
