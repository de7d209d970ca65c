"""Makes what a station and an access point send: frames, handshakes, transitions, and whole captures of them."""
