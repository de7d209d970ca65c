"""The commands about places: operator, venues, units, keypools, plans, NASes."""
