"""MariaDB: what DDL does to tables, by asking the server which algorithm it accepts."""
