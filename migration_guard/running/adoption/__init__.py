"""Rows of a history that another tool, or the team's own script, kept in this database."""
