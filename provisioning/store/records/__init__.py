"""Many rows at once: what lists read, secrets aside, and what belongs to a place or a plan."""
