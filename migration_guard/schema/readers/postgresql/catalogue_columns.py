"""What becomes of each column of the catalogue tables that the reader and drift look at.

Pure. A column that a later PostgreSQL adds fails a test until it stands here with its mark.

Source: PostgreSQL manual, "System Catalogs".
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.schema.readers.marks import CatalogueTable, Mark
from migration_guard.schema.readers.postgresql.object_columns import OBJECT_TABLES

_FROM_PARENTS: Final = "follows from the parents, which are compared"

CATALOGUE_TABLES: Final[Mapping[str, CatalogueTable]] = {
    **OBJECT_TABLES,
    "pg_class": CatalogueTable(
        compared="relkind relam relpersistence relrowsecurity relforcerowsecurity relreplident "
        "relispartition reloptions relpartbound reloftype relispopulated",
        identity="relname relnamespace",
        physical="oid reltype relfilenode relpages reltuples relallvisible relallfrozen "
        "reltoastrelid relhasindex relhasrules relhastriggers relhassubclass relrewrite "
        "relfrozenxid relminmxid",
        owner="relowner relacl",
        left_out={
            "reltablespace": "names a disk of one server; no statement gives another result there",
            "relisshared": "is true for the server's own catalogues alone",
            "relnatts": "also counts the columns that were dropped",
            "relchecks": "counts the checks, which are compared",
        },
    ),
    "pg_attribute": CatalogueTable(
        compared="atttypid atttypmod attnotnull atthasdef attidentity attgenerated attcollation "
        "attstorage attcompression attstattarget attoptions attfdwoptions attislocal",
        identity="attrelid attname",
        # A column that was added later has a higher number, and may keep a value for older rows.
        physical="attnum attisdropped atthasmissing attmissingval attcacheoff",
        owner="attacl",
        left_out={
            "attinhcount": _FROM_PARENTS,
            "attlen attbyval attalign": "follow from the type, which is compared",
            "attndims": "is enforced by no server, and no dump keeps it",
        },
    ),
    "pg_attrdef": CatalogueTable(compared="adbin", identity="adrelid adnum", physical="oid"),
    "pg_constraint": CatalogueTable(
        compared="contype condeferrable condeferred conenforced convalidated confrelid "
        "confupdtype confdeltype confmatchtype conislocal connoinherit conperiod conkey confkey "
        "confdelsetcols conexclop conbin",
        identity="conname conrelid contypid",
        physical="oid",
        left_out={
            "connamespace": "is the schema of the table or domain",
            "conindid": "is chosen by the server among equal keys; no dump keeps it",
            "conparentid coninhcount": _FROM_PARENTS,
            "conpfeqop conppeqop conffeqop": "follow from the types of the columns",
        },
    ),
    "pg_index": CatalogueTable(
        compared="indnkeyatts indisunique indnullsnotdistinct indisprimary indisexclusion "
        "indisclustered indisvalid indisready indislive indisreplident indkey indcollation "
        "indclass indoption indexprs indpred",
        identity="indexrelid indrelid",
        physical="indcheckxmin",
        left_out={
            "indnatts": "counts indkey, which is compared",
            "indimmediate": "follows from the constraint, whose DEFERRABLE is compared",
        },
    ),
    "pg_trigger": CatalogueTable(
        compared="tgfoid tgtype tgenabled tgconstrrelid tgconstraint tgdeferrable "
        "tginitdeferred tgattr tgargs tgqual tgoldtable tgnewtable",
        identity="tgrelid tgname",
        physical="oid",
        left_out={
            "tgparentid": _FROM_PARENTS,
            "tgisinternal": "tells the triggers of a constraint, which are told of with it",
            "tgconstrindid": "is the index of the constraint that the trigger belongs to",
            "tgnargs": "counts tgargs, which is compared",
        },
    ),
    "pg_policy": CatalogueTable(
        compared="polcmd polpermissive polroles polqual polwithcheck",
        identity="polname polrelid",
        physical="oid",
    ),
    "pg_rewrite": CatalogueTable(
        compared="ev_type ev_enabled is_instead ev_qual ev_action",
        identity="rulename ev_class",
        physical="oid",
    ),
    "pg_inherits": CatalogueTable(
        compared="inhparent inhseqno inhdetachpending", identity="inhrelid"
    ),
    "pg_partitioned_table": CatalogueTable(
        compared="partstrat partattrs partclass partcollation partexprs",
        identity="partrelid",
        left_out={
            "partnatts": "counts partattrs, which is compared",
            "partdefid": "is the partition whose bound is DEFAULT, which is compared",
        },
    ),
    "pg_enum": CatalogueTable(
        compared="enumsortorder enumlabel", identity="enumtypid", physical="oid"
    ),
    "pg_description": CatalogueTable(compared="description", identity="objoid classoid objsubid"),
    "pg_depend": CatalogueTable(
        identity="classid objid objsubid refclassid refobjid refobjsubid deptype"
    ),
    "pg_database": CatalogueTable(
        identity="datname",
        physical="oid",
        owner="datdba datacl",
        left_out={
            "encoding datlocprovider datistemplate datallowconn dathasloginevt datconnlimit "
            "datfrozenxid datminmxid dattablespace datcollate datctype datlocale daticulocale "
            "daticurules datcollversion": "belongs to the database as a whole, not to its schema"
        },
    ),
}
# The first and the last major version that has a column, where not all have.
SINCE: Final[Mapping[str, int]] = {
    "colliculocale": 15,
    "pnnspid": 15,
    "pnpubid": 15,
    "prattrs": 15,
    "prqual": 15,
    "subdisableonerr": 15,
    "subskiplsn": 15,
    "subtwophasestate": 15,
    "confdelsetcols": 15,
    "datcollversion": 15,
    "daticulocale": 15,
    "datlocprovider": 15,
    "indnullsnotdistinct": 15,
    "collicurules": 16,
    "suborigin": 16,
    "subpasswordrequired": 16,
    "subrunasowner": 16,
    "daticurules": 16,
    "colllocale": 17,
    "dathasloginevt": 17,
    "datlocale": 17,
    "subfailover": 17,
    "conenforced": 18,
    "conperiod": 18,
    "pubgencols": 18,
    "relallfrozen": 18,
}
UNTIL: Final[Mapping[str, int]] = {"colliculocale": 16, "daticulocale": 16, "attcacheoff": 17}


def marks(table: str, version: int) -> dict[str, Mark]:
    """Return the mark of each column that a catalogue table has in a major version."""
    return {
        name: mark
        for name, mark in CATALOGUE_TABLES[table].marks()
        if SINCE.get(name, 0) <= version <= UNTIL.get(name, version)
    }
