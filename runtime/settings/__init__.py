"""Settings: one name for one thing whatever the service, from one file or the environment. `aetherius settings` lists them all."""
