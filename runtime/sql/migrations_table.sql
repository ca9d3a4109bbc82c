SELECT to_regclass('aetherius.migrations')
