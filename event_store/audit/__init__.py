"""Proofs: the audit of the ledger, anchors outside the database, evidence in bundles, and the auditor's trail."""
