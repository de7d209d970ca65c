"""The commands about people: subscribers, what they may use, forgetting them."""
