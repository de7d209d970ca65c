"""What is done to keys, units, plans and people: each function is one change, with its rules in one place. No SQL."""
