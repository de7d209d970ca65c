"""The commands about the database: making it, copies, who changed what, another master key."""
