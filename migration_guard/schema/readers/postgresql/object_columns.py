"""What becomes of each catalogue column of the kinds of object beside tables. Pure.

What ``object_kinds`` lists is compared. Here stands the rest, with the columns that are compared
together with another.

Source: PostgreSQL manual, "System Catalogs".
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.schema.readers.marks import CatalogueTable
from migration_guard.schema.readers.postgresql.object_kinds import KINDS, columns_by_catalogue

_LIBRARY: Final = "is the version of the machine's library, which no statement sets"
_STATE: Final = "is where the replication has got to"
_LOGIN: Final = "may hold a login, and differs between two machines"
_REPEATED: Final = "repeats what its operator class or family says"
_NO_MEMBERS: Final = "follow from the extension and its version"

_OTHERS: Final[Mapping[str, CatalogueTable]] = {
    "pg_aggregate": CatalogueTable(compared="aggnumdirectargs", identity="aggfnoid"),
    "pg_am": CatalogueTable(identity="amname", physical="oid"),
    "pg_amop": CatalogueTable(
        compared="amopstrategy",
        identity="amopfamily",
        physical="oid",
        left_out={
            "amopmethod": _REPEATED,
            "amoplefttype amoprighttype": "are the types of the operator, which is compared",
            "amoppurpose": "follows from amopsortfamily, which is compared",
        },
    ),
    "pg_amproc": CatalogueTable(
        compared="amprocnum amproclefttype amprocrighttype", identity="amprocfamily", physical="oid"
    ),
    "pg_cast": CatalogueTable(identity="castsource casttarget", physical="oid"),
    "pg_collation": CatalogueTable(
        identity="collname collnamespace collencoding",
        physical="oid",
        owner="collowner",
        left_out={"collversion": _LIBRARY},
    ),
    "pg_conversion": CatalogueTable(
        identity="conname connamespace", physical="oid", owner="conowner"
    ),
    "pg_event_trigger": CatalogueTable(identity="evtname", physical="oid", owner="evtowner"),
    "pg_extension": CatalogueTable(
        # Another version makes other objects, and those are not compared one by one.
        compared="extversion extnamespace",
        identity="extname",
        physical="oid",
        owner="extowner",
        left_out={"extrelocatable extconfig extcondition": _NO_MEMBERS},
    ),
    "pg_foreign_data_wrapper": CatalogueTable(
        identity="fdwname", physical="oid", owner="fdwowner fdwacl"
    ),
    "pg_foreign_server": CatalogueTable(
        identity="srvname", physical="oid", owner="srvowner srvacl"
    ),
    "pg_foreign_table": CatalogueTable(identity="ftrelid"),
    "pg_language": CatalogueTable(
        identity="lanname",
        physical="oid",
        owner="lanowner lanacl",
        left_out={"lanispl": "is true for all that a statement made"},
    ),
    "pg_namespace": CatalogueTable(identity="nspname", physical="oid", owner="nspowner nspacl"),
    "pg_opclass": CatalogueTable(
        identity="opcname opcnamespace opcmethod", physical="oid", owner="opcowner"
    ),
    "pg_operator": CatalogueTable(
        identity="oprname oprnamespace oprkind oprleft oprright", physical="oid", owner="oprowner"
    ),
    "pg_opfamily": CatalogueTable(
        identity="opfname opfnamespace opfmethod", physical="oid", owner="opfowner"
    ),
    "pg_proc": CatalogueTable(
        compared="provariadic proretset pronargdefaults proallargtypes proargmodes proargdefaults",
        identity="proname pronamespace proargtypes",
        physical="oid",
        owner="proowner proacl",
        left_out={"pronargs": "counts proargtypes, which is compared"},
    ),
    "pg_publication": CatalogueTable(identity="pubname", physical="oid", owner="pubowner"),
    "pg_publication_namespace": CatalogueTable(
        compared="pnnspid", identity="pnpubid", physical="oid"
    ),
    "pg_publication_rel": CatalogueTable(compared="prrelid", identity="prpubid", physical="oid"),
    "pg_range": CatalogueTable(identity="rngtypid"),
    "pg_sequence": CatalogueTable(identity="seqrelid"),
    "pg_statistic_ext": CatalogueTable(
        identity="stxrelid stxname stxnamespace", physical="oid", owner="stxowner"
    ),
    "pg_subscription": CatalogueTable(
        identity="subname subdbid",
        physical="oid",
        owner="subowner",
        left_out={"subskiplsn": _STATE, "subconninfo": _LOGIN},
    ),
    "pg_transform": CatalogueTable(identity="trftype trflang", physical="oid"),
    "pg_ts_config": CatalogueTable(
        identity="cfgname cfgnamespace", physical="oid", owner="cfgowner"
    ),
    "pg_ts_config_map": CatalogueTable(compared="maptokentype mapseqno", identity="mapcfg"),
    "pg_ts_dict": CatalogueTable(
        identity="dictname dictnamespace", physical="oid", owner="dictowner"
    ),
    "pg_ts_parser": CatalogueTable(identity="prsname prsnamespace", physical="oid"),
    "pg_ts_template": CatalogueTable(identity="tmplname tmplnamespace", physical="oid"),
    "pg_type": CatalogueTable(
        compared="typtype typtypmod",
        identity="typname typnamespace",
        physical="oid typrelid typarray",
        owner="typowner typacl",
        left_out={
            "typdefaultbin": "is what the server made of typdefault, which is compared",
            "typndims": "is enforced by no server, and no dump keeps it",
        },
    ),
    # The view of pg_user_mapping that every role may read.
    "pg_user_mappings": CatalogueTable(identity="srvid srvname umuser usename", physical="umid"),
}
_OF_KINDS: Final = columns_by_catalogue(KINDS)
OBJECT_TABLES: Final[Mapping[str, CatalogueTable]] = {
    name: table._replace(compared=" ".join([table.compared, *sorted(_OF_KINDS[name])]))
    for name, table in _OTHERS.items()
}
# What no version of the app reads at all, with the reason.
UNREAD: Final[Mapping[str, str]] = {
    "pg_default_acl pg_init_privs pg_parameter_acl": "hold privileges, which are not compared",
    "pg_authid pg_auth_members pg_shdepend pg_shdescription pg_shseclabel pg_tablespace "
    "pg_replication_origin": "belong to the whole server",
    "pg_db_role_setting": "holds settings of the session, which a database has by its name",
    "pg_seclabel": "is written for a module such as sepgsql, which each machine sets up for itself",
    "pg_largeobject pg_largeobject_metadata": "hold rows, not schema",
    "pg_statistic pg_statistic_ext_data": "hold what ANALYZE computed from the rows",
    "pg_subscription_rel": _STATE,
    "pg_user_mapping": "is for superusers; the view pg_user_mappings is read",
}
