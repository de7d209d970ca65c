"""The database as files: connecting, its shape, bringing it up to date, copies, what may be wrong with it."""
