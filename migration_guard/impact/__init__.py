"""Which locks a statement takes, who waits meanwhile, and what it reads or rewrites."""
