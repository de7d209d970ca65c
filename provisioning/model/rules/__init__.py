"""The rules of the words: what may be said, and what follows from it. No I/O, no clock."""
