"""What is changed, and by whom: the recorder, the audit, the feed that servers follow."""
