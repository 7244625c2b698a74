"""What becomes of each column of information_schema that the reader and drift look at. Pure.

``programs`` and ``options`` read what is marked as compared in the tables of theirs, so a column
that is listed here is read. A column that a later MariaDB adds fails a test until it stands here.

Sources: MariaDB manual, "Information Schema Tables"; MySQL manual, "INFORMATION_SCHEMA Tables".
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.schema.readers.marks import CatalogueTable

_FROM_TYPE: Final = "follows from the type, which is compared"
_FROM_EXPRESSION: Final = "follows from generation_expression, which is compared"
_CHOSEN: Final = "is chosen by the server among the keys of the target"
_CONSTANT: Final = "is the same for all; the standard has it"
_FROM_KEYS: Final = "follows from the keys, which are compared"
_OF_DEFINER: Final = "definer"

CATALOGUE_TABLES: Final[Mapping[str, CatalogueTable]] = {
    "tables": CatalogueTable(
        compared="table_type engine table_collation create_options table_comment",
        identity="table_catalog table_schema table_name",
        # A row format that was asked for stands in create_options.
        physical="version row_format table_rows avg_row_length data_length max_data_length "
        "max_index_length index_length data_free auto_increment create_time update_time "
        "check_time checksum",
        left_out={
            "temporary": "is true for tables of the asking session alone",
        },
    ),
    "columns": CatalogueTable(
        compared="column_default is_nullable column_type collation_name extra column_comment "
        "generation_expression srs_id",
        identity="table_catalog table_schema table_name column_name",
        owner="privileges",
        left_out={
            "ordinal_position": "depends on when each column was added",
            "data_type character_maximum_length character_octet_length numeric_precision "
            "numeric_scale datetime_precision": _FROM_TYPE,
            "character_set_name": "follows from the collation, which is compared",
            "column_key": _FROM_KEYS,
            "is_generated is_system_time_period_start is_system_time_period_end": _FROM_EXPRESSION,
        },
    ),
    "statistics": CatalogueTable(
        compared="non_unique seq_in_index column_name collation sub_part index_type comment "
        "index_comment ignored is_visible expression",
        identity="table_catalog table_schema table_name index_schema index_name",
        physical="cardinality packed",
        left_out={
            "nullable": "follows from the column, which is compared",
        },
    ),
    "key_column_usage": CatalogueTable(
        compared="column_name ordinal_position referenced_table_schema referenced_table_name "
        "referenced_column_name",
        identity="constraint_catalog constraint_schema constraint_name table_catalog "
        "table_schema table_name",
        left_out={
            "position_in_unique_constraint": "follows from the order of the columns",
        },
    ),
    "referential_constraints": CatalogueTable(
        compared="update_rule delete_rule",
        identity="constraint_catalog constraint_schema constraint_name table_name",
        left_out={
            "unique_constraint_catalog unique_constraint_schema unique_constraint_name": _CHOSEN,
            "match_option": "is NONE whatever the statement said: InnoDB has simple matches only",
            "referenced_table_name": "is compared from key_column_usage",
        },
    ),
    "check_constraints": CatalogueTable(
        compared="level check_clause",
        identity="constraint_catalog constraint_schema table_name constraint_name",
    ),
    "table_constraints": CatalogueTable(
        compared="enforced",
        identity="constraint_catalog constraint_schema constraint_name table_schema table_name",
        left_out={
            "constraint_type": "follows from the tables of keys and checks, which are read",
        },
    ),
    "views": CatalogueTable(
        compared="view_definition check_option security_type character_set_client "
        "collation_connection algorithm",
        identity="table_catalog table_schema table_name",
        owner=_OF_DEFINER,
        left_out={
            "is_updatable": "follows from the query, which is compared",
        },
    ),
    "partitions": CatalogueTable(
        compared="partition_name subpartition_name partition_ordinal_position "
        "subpartition_ordinal_position partition_method subpartition_method "
        "partition_expression subpartition_expression partition_description partition_comment",
        identity="table_catalog table_schema table_name",
        physical="table_rows avg_row_length data_length max_data_length index_length data_free "
        "create_time update_time check_time checksum tablespace_name",
        left_out={
            "nodegroup": "belongs to NDB, a cluster that Django has no backend for",
        },
    ),
    "triggers": CatalogueTable(
        compared="event_manipulation action_order action_statement action_timing sql_mode "
        "character_set_client collation_connection database_collation",
        identity="trigger_catalog trigger_schema trigger_name event_object_catalog "
        "event_object_schema event_object_table",
        physical="created",
        owner=_OF_DEFINER,
        left_out={
            "action_condition action_orientation": _CONSTANT,
            "action_reference_old_table action_reference_new_table": _CONSTANT,
            "action_reference_old_row action_reference_new_row": _CONSTANT,
        },
    ),
    "routines": CatalogueTable(
        compared="dtd_identifier character_set_name collation_name routine_definition "
        "is_deterministic sql_data_access security_type sql_mode routine_comment "
        "character_set_client collation_connection database_collation",
        identity="specific_name routine_catalog routine_schema routine_name routine_type",
        physical="created last_altered",
        owner=_OF_DEFINER,
        left_out={
            "data_type character_maximum_length character_octet_length numeric_precision "
            "numeric_scale datetime_precision": _FROM_TYPE,
            "routine_body external_name external_language parameter_style sql_path": _CONSTANT,
        },
    ),
    "parameters": CatalogueTable(
        compared="ordinal_position parameter_mode parameter_name dtd_identifier "
        "character_set_name collation_name parameter_default",
        identity="specific_catalog specific_schema specific_name routine_type",
        left_out={
            "data_type character_maximum_length character_octet_length numeric_precision "
            "numeric_scale datetime_precision": _FROM_TYPE,
        },
    ),
    "events": CatalogueTable(
        compared="event_type execute_at interval_value interval_field starts ends status "
        "on_completion event_definition time_zone sql_mode event_comment character_set_client "
        "collation_connection database_collation",
        identity="event_catalog event_schema event_name",
        physical="created last_altered last_executed originator",
        owner=_OF_DEFINER,
        left_out={
            "event_body": _CONSTANT,
        },
    ),
    "geometry_columns": CatalogueTable(
        compared="srid",
        identity="f_table_catalog f_table_schema f_table_name f_geometry_column "
        "g_table_catalog g_table_schema g_table_name g_geometry_column",
        left_out={
            "geometry_type": _FROM_TYPE,
            "storage_type coord_dimension max_ppr": _CONSTANT,
        },
    ),
    # Not of information_schema: a sequence is a table of one row.
    "sequence": CatalogueTable(
        compared="minimum_value maximum_value start_value increment cache_size cycle_option",
        left_out={
            "next_not_cached_value cycle_count": "is data, as the rows of a table are",
        },
    ),
}
# What Debian's MariaDB 10.11 has not, by the server that has it, from that server's manual.
ELSEWHERE: Final[Mapping[str, str]] = {
    "columns.srs_id": "MySQL 8.0",
    "columns.is_system_time_period_start": "MariaDB 11.4",
    "columns.is_system_time_period_end": "MariaDB 11.4",
    "statistics.is_visible": "MySQL 8.0",
    "statistics.expression": "MySQL 8.0",
    "table_constraints.enforced": "MySQL 8.0",
    "parameters.parameter_default": "MariaDB 11.8",
}
