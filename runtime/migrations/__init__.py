"""One way to make and change tables: numbered SQL files by room, each in a half that may run while the old version does and one that may not.

docs/decisions/0018-migrations.md says why it is made so; docs/operations/upgrade.md how an operator uses it.
"""
