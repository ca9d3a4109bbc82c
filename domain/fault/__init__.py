"""Faults, one a file: by which signs each shows, what tells that it is over, and the rule that names its cause."""
