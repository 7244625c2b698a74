"""The demo project: a Django project whose schema is raw SQL, guarded by migration_guard."""
