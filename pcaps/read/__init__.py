"""Reads captures: files, link layers, frames, and the handshakes in them."""
