"""Template databases: what was built of the same files is copied, and only the rest is run."""
