"""Dead letters: refused messages, kept for people."""
