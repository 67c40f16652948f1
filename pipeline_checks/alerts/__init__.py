"""Floor 5: tells people of verdicts that are wrong, once, and of their recovery; through channels that may fail."""
