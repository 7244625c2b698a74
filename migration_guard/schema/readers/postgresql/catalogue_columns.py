"""What becomes of each column of the catalogue tables that the reader and drift look at.

Pure. A column that a later PostgreSQL adds fails a test until it stands here with its mark.

Source: PostgreSQL manual, "System Catalogs".
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Mark(StrEnum):
    """What becomes of a column of the catalogue."""

    COMPARED = "compared"  # a change of it alone is a difference
    IDENTITY = "identity"  # the name or the owner object by which two objects are matched
    PHYSICAL = "physical"  # how one server keeps it; a copy has another value
    OWNER = "owner"  # owners and privileges, which are not compared
    LEFT_OUT = "left out"  # for a reason


class CatalogueTable(NamedTuple):
    """The columns of one catalogue table by their mark; ``left_out`` has a reason for each key."""

    compared: str = ""
    identity: str = ""
    physical: str = ""
    owner: str = ""
    left_out: Mapping[str, str] = {}

    def marks(self) -> Iterator[tuple[str, Mark]]:
        """Yield each column with its mark."""
        for mark in (Mark.COMPARED, Mark.IDENTITY, Mark.PHYSICAL, Mark.OWNER):
            yield from ((name, mark) for name in getattr(self, mark).split())
        for columns in self.left_out:
            yield from ((name, Mark.LEFT_OUT) for name in columns.split())


NOT_YET: Final = "not compared yet"
_FROM_PARENTS: Final = "follows from the parents, which are compared"
_BASE_TYPE: Final = "belongs to a base type, which is written in C"
_LOOKED_UP: Final = "is looked up by its name, and belongs to no table"

CATALOGUE_TABLES: Final[Mapping[str, CatalogueTable]] = {
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
    "pg_type": CatalogueTable(
        compared="typtype typnotnull typbasetype typtypmod typdefaultbin typdefault",
        identity="typname typnamespace",
        physical="oid typrelid typarray",
        owner="typowner typacl",
        left_out={
            "typcollation": NOT_YET,
            "typndims": "is enforced by no server, and no dump keeps it",
            "typlen typbyval typalign typstorage typcategory typispreferred typisdefined "
            "typdelim typelem typsubscript typinput typoutput typreceive typsend typmodin "
            "typmodout typanalyze": _BASE_TYPE,
        },
    ),
    "pg_enum": CatalogueTable(
        compared="enumsortorder enumlabel", identity="enumtypid", physical="oid"
    ),
    "pg_range": CatalogueTable(
        compared="rngsubtype",
        identity="rngtypid",
        left_out={"rngmultitypid rngcollation rngsubopc rngcanonical rngsubdiff": NOT_YET},
    ),
    "pg_sequence": CatalogueTable(
        compared="seqtypid seqstart seqincrement seqmax seqmin seqcache seqcycle",
        identity="seqrelid",
    ),
    "pg_statistic_ext": CatalogueTable(
        compared="stxkeys stxkind stxexprs",
        identity="stxrelid stxname stxnamespace",
        physical="oid",
        owner="stxowner",
        left_out={"stxstattarget": NOT_YET},
    ),
    "pg_proc": CatalogueTable(
        # All that CREATE FUNCTION prints; of an aggregate its type of result alone.
        compared="prolang procost prorows provariadic prosupport prokind prosecdef proleakproof "
        "proisstrict proretset provolatile proparallel pronargdefaults prorettype proargtypes "
        "proallargtypes proargmodes proargnames proargdefaults protrftypes prosrc probin "
        "prosqlbody proconfig",
        identity="proname pronamespace",
        physical="oid",
        owner="proowner proacl",
        left_out={"pronargs": "counts proargtypes, which is compared"},
    ),
    "pg_aggregate": CatalogueTable(
        compared="aggtransfn aggfinalfn agginitval",
        identity="aggfnoid",
        left_out={
            "aggkind aggnumdirectargs aggcombinefn aggserialfn aggdeserialfn aggmtransfn "
            "aggminvtransfn aggmfinalfn aggfinalextra aggmfinalextra aggfinalmodify "
            "aggmfinalmodify aggsortop aggtranstype aggtransspace aggmtranstype "
            "aggmtransspace aggminitval": NOT_YET,
        },
    ),
    "pg_event_trigger": CatalogueTable(
        compared="evtevent evtfoid evtenabled evttags",
        identity="evtname",
        physical="oid",
        owner="evtowner",
    ),
    "pg_extension": CatalogueTable(
        compared="extversion",
        identity="extname",
        physical="oid",
        owner="extowner",
        left_out={
            "extnamespace": NOT_YET,
            "extrelocatable extconfig extcondition": "follow from the extension and its version",
        },
    ),
    "pg_foreign_table": CatalogueTable(
        identity="ftrelid", left_out={"ftserver ftoptions": NOT_YET}
    ),
    "pg_namespace": CatalogueTable(identity="nspname", physical="oid", owner="nspowner nspacl"),
    "pg_description": CatalogueTable(compared="description", identity="objoid classoid objsubid"),
    # What is looked up alone.
    "pg_am": CatalogueTable(
        identity="amname", physical="oid", left_out={"amhandler amtype": _LOOKED_UP}
    ),
    "pg_collation": CatalogueTable(
        identity="collname collnamespace",
        physical="oid",
        owner="collowner",
        left_out={
            "collprovider collisdeterministic collencoding collcollate collctype colllocale "
            "colliculocale collicurules collversion": _LOOKED_UP
        },
    ),
    "pg_opclass": CatalogueTable(
        identity="opcname opcnamespace",
        physical="oid",
        owner="opcowner",
        left_out={"opcmethod opcfamily opcintype opcdefault opckeytype": _LOOKED_UP},
    ),
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
    "confdelsetcols": 15,
    "datcollversion": 15,
    "daticulocale": 15,
    "datlocprovider": 15,
    "indnullsnotdistinct": 15,
    "collicurules": 16,
    "daticurules": 16,
    "colllocale": 17,
    "dathasloginevt": 17,
    "datlocale": 17,
    "conenforced": 18,
    "conperiod": 18,
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
