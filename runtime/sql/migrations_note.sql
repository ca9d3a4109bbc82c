INSERT INTO aetherius.migrations (room, number, half, name, checksum) VALUES (%s, %s, %s, %s, %s)
