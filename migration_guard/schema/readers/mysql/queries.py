"""The queries to ``information_schema``, each once for all tables of the database.

Sources: MariaDB manual, "Information Schema Tables"; MySQL manual, "INFORMATION_SCHEMA Tables".
"""

from typing import Final

DATABASE: Final = "SELECT DATABASE(), @@lower_case_table_names, @@sql_mode"
TABLES: Final = """
SELECT table_name, table_type, table_comment, table_collation, engine
FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type <> 'SEQUENCE'
"""
COLUMNS: Final = """
SELECT table_name, column_name, column_default, is_nullable, column_type, data_type, extra,
       column_comment, collation_name, generation_expression
FROM information_schema.columns
WHERE table_schema = DATABASE()
ORDER BY table_name, ordinal_position
"""
# {expression}: MySQL 8.0.13; {ignored}: is_visible of MySQL 8, ignored of MariaDB 10.6.
INDEXES: Final = """
SELECT table_name, index_name, non_unique, column_name, sub_part, collation, index_type,
       {expression}, {ignored}, comment, index_comment
FROM information_schema.statistics
WHERE table_schema = DATABASE()
ORDER BY table_name, index_name, seq_in_index
"""
INDEX_COLUMNS: Final = """
SELECT LOWER(column_name) FROM information_schema.columns
WHERE table_schema = 'information_schema' AND LOWER(table_name) = 'statistics'
"""
# Two queries: the server would join these by comparing every row with every other.
FOREIGN_KEYS: Final = """
SELECT table_name, constraint_name, column_name, referenced_table_schema,
       referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""
ACTIONS: Final = """
SELECT table_name, constraint_name, delete_rule, update_rule
FROM information_schema.referential_constraints
WHERE constraint_schema = DATABASE()
"""
MARIADB_CHECKS: Final = """
SELECT table_name, constraint_name, check_clause, 'YES', level
FROM information_schema.check_constraints
WHERE constraint_schema = DATABASE()
"""
MYSQL_CHECKS: Final = """
SELECT t.table_name, c.constraint_name, c.check_clause, t.enforced, 'Table'
FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
    AND t.constraint_type = 'CHECK'
WHERE c.constraint_schema = DATABASE()
"""
VIEWS: Final = """
SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE()
"""
ENGINES: Final = "SELECT engine FROM information_schema.engines WHERE transactions = 'YES'"
# Only a view of which all columns but expressions stand in one table takes an INSERT.
READ_ONLY_VIEWS: Final = """
SELECT table_name FROM information_schema.views
WHERE table_schema = DATABASE() AND is_updatable = 'NO'
"""
# A trigger is visible to who has the privilege TRIGGER on its table.
FILLING_TRIGGERS: Final = """
SELECT DISTINCT event_object_table FROM information_schema.triggers
WHERE event_object_schema = DATABASE()
    AND action_timing = 'BEFORE' AND event_manipulation = 'INSERT'
"""
TRIGGERS_SEEN: Final = """
SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER'
UNION
SELECT 1 FROM information_schema.schema_privileges
WHERE privilege_type = 'TRIGGER' AND DATABASE() LIKE table_schema
"""
# Tables of which the role sees only the columns that it was granted.
GRANTED_COLUMNS: Final = """
SELECT DISTINCT c.table_name FROM information_schema.column_privileges c
WHERE c.table_schema = DATABASE()
    AND NOT EXISTS (
        SELECT 1 FROM information_schema.table_privileges t
        WHERE t.table_schema = c.table_schema AND t.table_name = c.table_name
            AND t.privilege_type = 'SELECT'
    )
    AND NOT EXISTS (
        SELECT 1 FROM information_schema.schema_privileges s
        WHERE s.table_schema = c.table_schema AND s.privilege_type = 'SELECT'
    )
    AND NOT EXISTS (
        SELECT 1 FROM information_schema.user_privileges u WHERE u.privilege_type = 'SELECT'
    )
"""
