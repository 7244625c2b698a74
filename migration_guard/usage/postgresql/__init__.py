"""PostgreSQL: PREPARE with the driver's types, then EXPLAIN of the generic plan."""
