"""A database engine that the app does not support: SQLite under another vendor's name."""
