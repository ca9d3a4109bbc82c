"""Typed actions on a cluster, one a file: parameters, risk, verification, undo. Free text never changes a cluster; these do."""
