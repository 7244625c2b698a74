"""Whether a database that upgrades from an older release ends where a fresh one begins."""
