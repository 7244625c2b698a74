"""A Django database backend: PostgreSQL on an embedded server that starts when it is needed.

The entry in `DATABASES` has a key `DATA_DIR`, the server's data directory; the server's socket and
user come from the server. For demonstrations and development, not for production.
"""
