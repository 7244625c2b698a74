"""Writing a built database as one migration, with proof that both build the same."""
