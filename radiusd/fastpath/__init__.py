"""The fast path: compiled code that repeats what the engine has decided, for as long as it may be repeated."""
