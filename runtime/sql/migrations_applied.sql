SELECT room, number, half, checksum FROM aetherius.migrations
