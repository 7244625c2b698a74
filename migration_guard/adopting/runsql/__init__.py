"""Django's migrations that only run SQL, as files of ours."""
