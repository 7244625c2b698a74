"""PostgreSQL: the locks of a session, as it and others see them."""
