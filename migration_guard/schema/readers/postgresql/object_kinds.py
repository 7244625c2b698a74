"""The kinds of object beside tables, and how a report calls what the catalogue says of each.

Pure. A column whose value is a boolean is a word that is there or not; one that points to another
object has the name of that object; a list is in order. A column that a server does not have is not
asked for.

Source: PostgreSQL manual, "System Catalogs", "System Information Functions".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple


class Wording(NamedTuple):
    """How a column reads where its type alone does not say it.

    ``sql`` gives its text, from the row ``o`` (or ``p`` of a part). ``words`` are what values are
    called; the usual value may be "".
    """

    name: str
    words: Mapping[str, str] = {}
    sql: str = ""


# The name of a property by the column of the catalogue.
Columns = Mapping[str, str | Wording]


class Part(NamedTuple):
    """What belongs to an object without a name of its own: the lines of one property.

    ``source`` are the tables after FROM, with the object as ``o``, its part as ``p``; ``place``
    gives the order of the lines.
    """

    catalogue: str
    source: str
    head: str
    columns: Columns
    place: str = "2"


class Kind(NamedTuple):
    """A kind of object.

    ``word`` is SQL for what it is called. ``catalogue`` has its rows ``o``, the catalogue
    ``beside`` it one row ``b`` for each. ``address`` is the catalogue and the number by which the
    server finds it, ``table`` the number of the table that it belongs to. ``name`` is SQL where
    the server's own name will not do: '' for an option of the table. ``is_hidden`` says where the
    server tells this role nothing. ``more`` has properties that no column holds, by their name.
    """

    word: str
    catalogue: str
    columns: Columns
    parts: Mapping[str, Part] = {}
    more: Mapping[str, str] = {}
    where: str = "true"
    beside: tuple[str, str] = ("", "")
    join: str = ""
    address: tuple[str, str] = ("", "o.oid")
    table: str = "NULL::oid"
    name: str = "NULL::text"
    is_hidden: str = "false"


def bare_name(name: str) -> str:
    """Return SQL for a name without the schema of the server's own objects."""
    return rf"regexp_replace({name}, '\mpg_catalog\.', '', 'g')"


def identity(catalogue: str, number: str) -> str:
    """Return SQL for the name of an object, with its parameters and its schema."""
    return bare_name(f"(pg_identify_object('{catalogue}'::regclass, {number}, 0)).identity")


def _collation(word: str, column: str, type_: str) -> str:
    """Return SQL for a collation that is not the type's own."""
    return f"""
        CASE WHEN {column} <> (SELECT typcollation FROM pg_type WHERE oid = {type_})
        THEN '{word} ' || {identity("pg_collation", column)} END
    """


# How the names of columns begin that a kind has from a second catalogue.
_BESIDE: Final = {"pg_aggregate": "agg", "pg_range": "rng", "pg_class": "rel"}
_ENABLED: Final = Wording(
    "enabled",
    {"O": "ENABLED", "D": "DISABLED", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"},
)
_MODIFIES: Final = {
    "r": "FINALFUNC_MODIFY = READ_ONLY",
    "s": "FINALFUNC_MODIFY = SHAREABLE",
    "w": "FINALFUNC_MODIFY = READ_WRITE",
}
_ROUTINE: Final[Columns] = {
    "proargnames": Wording("arguments", sql="'(' || pg_get_function_arguments(o.oid) || ')'"),
    "prorettype": Wording("result", sql="'RETURNS ' || pg_get_function_result(o.oid)"),
    "prokind": Wording("WINDOW", {"f": "", "p": "", "w": "WINDOW"}),
    "prolang": "LANGUAGE",
    "provolatile": Wording("volatility", {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}),
    "proparallel": Wording(
        "parallel",
        {"s": "PARALLEL SAFE", "r": "PARALLEL RESTRICTED", "u": "PARALLEL UNSAFE"},
    ),
    "proisstrict": "STRICT",
    "prosecdef": "SECURITY DEFINER",
    "proleakproof": "LEAKPROOF",
    "proconfig": "SET",
    "procost": "COST",
    "prorows": "ROWS",
    "prosupport": "SUPPORT",
    "protrftypes": "TRANSFORM FOR TYPE",
    "probin": "library",
    "prosrc": Wording("body", sql="o.prosrc"),
    "prosqlbody": Wording("query", sql="pg_get_function_sqlbody(o.oid)"),
}
_AGGREGATE: Final[Columns] = {
    "prorettype": _ROUTINE["prorettype"],
    "proargnames": _ROUTINE["proargnames"],
    "proparallel": _ROUTINE["proparallel"],
    "aggkind": Wording("ORDERED SET", {"n": "", "o": "ORDERED SET", "h": "HYPOTHETICAL"}),
    "aggtransfn": "transition function (SFUNC)",
    "aggtranstype": "state type (STYPE)",
    "aggtransspace": "state size (SSPACE)",
    "agginitval": "initial value (INITCOND)",
    "aggfinalfn": "final function (FINALFUNC)",
    "aggfinalextra": "FINALFUNC_EXTRA",
    "aggfinalmodify": Wording("FINALFUNC_MODIFY", _MODIFIES),
    "aggcombinefn": "COMBINEFUNC",
    "aggserialfn": "SERIALFUNC",
    "aggdeserialfn": "DESERIALFUNC",
    "aggsortop": "sort operator (SORTOP)",
    "aggmtransfn": "moving transition function (MSFUNC)",
    "aggminvtransfn": "inverse transition function (MINVFUNC)",
    "aggmtranstype": "moving state type (MSTYPE)",
    "aggmtransspace": "moving state size (MSSPACE)",
    "aggminitval": "moving initial value (MINITCOND)",
    "aggmfinalfn": "moving final function (MFINALFUNC)",
    "aggmfinalextra": "MFINALFUNC_EXTRA",
    "aggmfinalmodify": Wording(
        "MFINALFUNC_MODIFY", {key: f"M{word}" for key, word in _MODIFIES.items()}
    ),
}
_BASE_TYPE: Final[Columns] = {
    "typinput": "INPUT",
    "typoutput": "OUTPUT",
    "typreceive": "RECEIVE",
    "typsend": "SEND",
    "typmodin": "TYPMOD_IN",
    "typmodout": "TYPMOD_OUT",
    "typanalyze": "ANALYZE",
    "typsubscript": "SUBSCRIPT",
    "typlen": "INTERNALLENGTH",
    "typbyval": "PASSEDBYVALUE",
    "typalign": "ALIGNMENT",
    "typstorage": Wording(
        "storage",
        {"p": "STORAGE plain", "x": "STORAGE extended", "e": "STORAGE external"}
        | {"m": "STORAGE main"},
    ),
    "typcategory": "CATEGORY",
    "typispreferred": "PREFERRED",
    "typdefault": "DEFAULT",
    "typelem": "ELEMENT",
    "typdelim": "DELIMITER",
    "typcollation": "COLLATION",
}
_DOMAIN: Final[Columns] = {
    "typbasetype": Wording("type", sql="format_type(o.typbasetype, o.typtypmod)"),
    "typcollation": Wording(
        "COLLATE",
        sql=_collation("COLLATE", "o.typcollation", "o.typbasetype"),
    ),
    "typdefault": Wording("default", sql="'DEFAULT ' || o.typdefault"),
    "typnotnull": Wording(
        "null",
        sql="""coalesce((SELECT 'NOT NULL by ' || quote_ident(conname) FROM pg_constraint
                     WHERE contypid = o.oid AND contype = 'n'),
                    CASE WHEN o.typnotnull THEN 'NOT NULL' END)""",
    ),
}
_RANGE: Final[Columns] = {
    "rngsubtype": "SUBTYPE",
    "rngsubopc": "SUBTYPE_OPCLASS",
    "rngcollation": Wording(
        "COLLATION",
        sql=_collation("COLLATION", "b.rngcollation", "b.rngsubtype"),
    ),
    "rngcanonical": "CANONICAL",
    "rngsubdiff": "SUBTYPE_DIFF",
    "rngmultitypid": "MULTIRANGE_TYPE_NAME",
}
_SEQUENCE: Final[Columns] = {
    "seqtypid": "AS",
    "seqstart": "START",
    "seqincrement": "INCREMENT",
    "seqmin": "MINVALUE",
    "seqmax": "MAXVALUE",
    "seqcache": "CACHE",
    "seqcycle": "CYCLE",
    "relpersistence": Wording("persistence", {"p": "", "u": "UNLOGGED", "t": "TEMPORARY"}),
}
_OWNER: Final = """
    (SELECT (pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid)).identity FROM pg_depend d
     WHERE d.objid = o.seqrelid AND d.classid = 'pg_class'::regclass
        AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
"""
# The column that a sequence is for: it owns the sequence and draws from it, or one of both under
# the name that the server makes up. The sequence has then that column's name, since the server's
# own depends on what is there already.
_COLUMN_OF_SEQUENCE: Final = """
    SELECT t.attrelid, t.attname::text
    FROM (SELECT d.refobjid, d.refobjsubid, d.deptype::text FROM pg_depend d
          WHERE d.objid = o.seqrelid AND d.classid = 'pg_class'::regclass
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
          UNION
          SELECT f.adrelid, f.adnum, 'draws' FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
          WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = o.seqrelid
    ) AS k (table_, number, tie)
    JOIN pg_attribute t ON t.attrelid = k.table_ AND t.attnum = k.number
    JOIN pg_class c ON c.oid = k.table_
    GROUP BY 1, 2
    HAVING bool_or(k.tie = 'i') OR count(*) = 2
        OR bool_or(starts_with(b.relname, c.relname || '_' || t.attname || '_seq'))
    ORDER BY count(*) DESC, 1 LIMIT 1
"""


def _members(catalogue: str, owner: str) -> str:
    """Return the source of the operators or functions that belong to a class or to its family."""
    return f"""
        {owner} o JOIN pg_depend d ON d.refclassid = '{owner}'::regclass AND d.refobjid = o.oid
            AND d.classid = '{catalogue}'::regclass AND d.deptype IN ('a', 'i')
        JOIN {catalogue} p ON p.oid = d.objid
    """


def _operators(owner: str) -> Mapping[str, Part]:
    types = "format_type({0}, NULL) || ', ' || format_type({1}, NULL)"
    return {
        "operators": Part(
            "pg_amop",
            _members("pg_amop", owner),
            "'OPERATOR ' || p.amopstrategy",
            {
                "amopopr": Wording("operator", sql="p.amopopr::regoperator::text"),
                "amopsortfamily": "FOR ORDER BY",
            },
            "p.amopstrategy, p.amopopr::regoperator::text",
        ),
        "functions": Part(
            "pg_amproc",
            _members("pg_amproc", owner),
            "'FUNCTION ' || p.amprocnum || ' (' || "
            f"{types.format('p.amproclefttype', 'p.amprocrighttype')} || ')'",
            {"amproc": Wording("function", sql="p.amproc::regprocedure::text")},
            "p.amprocnum, p.amproc::regprocedure::text",
        ),
    }


KINDS: Final = (
    Kind(
        "'schema'",
        "pg_namespace",
        {},
        where="o.nspname <> 'public' AND o.nspname !~ '^pg_(temp|toast)'",
    ),
    Kind(
        "CASE o.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END",
        "pg_proc",
        _ROUTINE,
        where="o.prokind <> 'a'",
    ),
    Kind(
        "'aggregate'",
        "pg_proc",
        _AGGREGATE,
        beside=("pg_aggregate", "b.aggfnoid = o.oid"),
    ),
    Kind(
        "'domain'",
        "pg_type",
        _DOMAIN,
        {
            "constraints": Part(
                "pg_constraint",
                "pg_type o JOIN pg_constraint p ON p.contypid = o.oid AND p.contype = 'c'",
                "quote_ident(p.conname)",
                {"conbin": Wording("check", sql="pg_get_constraintdef(p.oid)")},
            )
        },
        where="o.typtype = 'd'",
    ),
    Kind(
        "'type'",
        "pg_type",
        {},
        {
            "attributes": Part(
                "pg_attribute",
                "pg_type o JOIN pg_attribute p ON p.attrelid = o.typrelid AND NOT p.attisdropped",
                "quote_ident(p.attname)",
                {
                    "atttypid": Wording("type", sql="format_type(p.atttypid, p.atttypmod)"),
                    "attcollation": Wording(
                        "COLLATE",
                        sql=_collation("COLLATE", "p.attcollation", "p.atttypid"),
                    ),
                },
                "p.attnum",
            )
        },
        where="o.typtype = 'c'",
    ),
    Kind(
        "'type'",
        "pg_type",
        _RANGE,
        where="o.typtype = 'r'",
        beside=("pg_range", "b.rngtypid = o.oid"),
    ),
    Kind("'type'", "pg_type", _BASE_TYPE, where="o.typtype = 'b'"),
    Kind(
        "'type'",
        "pg_type",
        {"typisdefined": Wording("shell", {"false": "a shell without definition"})},
        where="o.typtype = 'p'",
    ),
    Kind(
        "'operator'",
        "pg_operator",
        {
            "oprcode": "FUNCTION",
            "oprresult": "result",
            "oprcom": "COMMUTATOR",
            "oprnegate": "NEGATOR",
            "oprrest": "RESTRICT",
            "oprjoin": "JOIN",
            "oprcanmerge": "MERGES",
            "oprcanhash": "HASHES",
        },
    ),
    Kind(
        "'operator class'",
        "pg_opclass",
        {
            "opcintype": "FOR TYPE",
            "opcdefault": "DEFAULT",
            "opcfamily": "FAMILY",
            "opckeytype": "STORAGE",
        },
        _operators("pg_opclass"),
    ),
    Kind(
        "'operator family'",
        "pg_opfamily",
        {},
        _operators("pg_opfamily"),
        # CREATE OPERATOR CLASS makes one by itself.
        where="""NOT EXISTS (
            SELECT FROM pg_opclass c WHERE c.opcfamily = o.oid AND c.opcname = o.opfname
                AND c.opcnamespace = o.opfnamespace
                AND NOT EXISTS (SELECT FROM pg_depend d
                                WHERE d.refclassid = 'pg_opfamily'::regclass AND d.refobjid = o.oid
                                AND d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)))""",
    ),
    Kind(
        "'access method'",
        "pg_am",
        {"amtype": Wording("type", {"i": "TYPE INDEX", "t": "TYPE TABLE"}), "amhandler": "HANDLER"},
    ),
    Kind(
        "'cast'",
        "pg_cast",
        {
            "castmethod": Wording(
                "method", {"f": "WITH FUNCTION", "b": "WITHOUT FUNCTION", "i": "WITH INOUT"}
            ),
            "castfunc": "function",
            "castcontext": Wording(
                "context", {"e": "explicit alone", "a": "AS ASSIGNMENT", "i": "AS IMPLICIT"}
            ),
        },
    ),
    Kind(
        "'transform'",
        "pg_transform",
        {"trffromsql": "FROM SQL", "trftosql": "TO SQL"},
        # The server's own name depends on its version.
        name="""(SELECT 'for ' || format_type(o.trftype, NULL) || ' language ' || l.lanname
                  FROM pg_language l WHERE l.oid = o.trflang)""",
    ),
    Kind(
        "'text search configuration'",
        "pg_ts_config",
        {"cfgparser": "PARSER"},
        {
            "mappings": Part(
                "pg_ts_config_map",
                "pg_ts_config o JOIN pg_ts_config_map p ON p.mapcfg = o.oid",
                "'FOR ' || (SELECT t.alias FROM ts_token_type(o.cfgparser) t"
                " WHERE t.tokid = p.maptokentype)",
                {"mapdict": "WITH"},
                "2, p.mapseqno",
            )
        },
    ),
    Kind(
        "'text search dictionary'",
        "pg_ts_dict",
        {"dicttemplate": "TEMPLATE", "dictinitoption": "options"},
    ),
    Kind(
        "'text search parser'",
        "pg_ts_parser",
        {
            "prsstart": "START",
            "prstoken": "GETTOKEN",
            "prsend": "END",
            "prsheadline": "HEADLINE",
            "prslextype": "LEXTYPES",
        },
    ),
    Kind("'text search template'", "pg_ts_template", {"tmplinit": "INIT", "tmpllexize": "LEXIZE"}),
    Kind(
        "'collation'",
        "pg_collation",
        {
            "collprovider": Wording(
                "provider",
                {"c": "PROVIDER libc", "i": "PROVIDER icu", "b": "PROVIDER builtin"},
            ),
            "collisdeterministic": "DETERMINISTIC",
            "collcollate": "LC_COLLATE",
            "collctype": "LC_CTYPE",
            "colliculocale": "LOCALE",
            "colllocale": "LOCALE",
            "collicurules": "RULES",
        },
    ),
    Kind(
        "'conversion'",
        "pg_conversion",
        {
            "conforencoding": Wording("FOR", sql="'FOR ' || pg_encoding_to_char(o.conforencoding)"),
            "contoencoding": Wording("TO", sql="'TO ' || pg_encoding_to_char(o.contoencoding)"),
            "conproc": "FROM",
            "condefault": "DEFAULT",
        },
    ),
    Kind(
        "'language'",
        "pg_language",
        {
            "lanpltrusted": "TRUSTED",
            "lanplcallfoid": "HANDLER",
            "laninline": "INLINE",
            "lanvalidator": "VALIDATOR",
        },
    ),
    Kind(
        "'event trigger'",
        "pg_event_trigger",
        {
            "evtevent": "ON",
            "evttags": "WHEN TAG IN",
            "evtfoid": "EXECUTE FUNCTION",
            "evtenabled": _ENABLED,
        },
    ),
    Kind(
        "'foreign-data wrapper'",
        "pg_foreign_data_wrapper",
        {"fdwhandler": "HANDLER", "fdwvalidator": "VALIDATOR", "fdwoptions": "OPTIONS"},
    ),
    Kind(
        "'server'",
        "pg_foreign_server",
        {
            "srvtype": "TYPE",
            "srvversion": "VERSION",
            "srvfdw": "FOREIGN DATA WRAPPER",
            "srvoptions": "OPTIONS",
        },
    ),
    Kind(
        "'user mapping'",
        "pg_user_mappings",
        {"umoptions": "OPTIONS"},
        address=("pg_user_mapping", "o.umid"),
        # To whom the view shows the options.
        is_hidden="""o.umoptions IS NULL AND NOT (
            (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
            OR o.umuser = 0 AND (SELECT pg_has_role(s.srvowner, 'USAGE') FROM pg_foreign_server s
                                 WHERE s.oid = o.srvid)
            OR o.usename = current_user AND has_server_privilege(o.srvid, 'USAGE'))""",
    ),
    Kind(
        "'table'",
        "pg_foreign_table",
        {"ftserver": "SERVER", "ftoptions": "OPTIONS"},
        address=("pg_class", "o.ftrelid"),
        table="o.ftrelid",
        name="''",
    ),
    Kind(
        "'rule'",
        "pg_rewrite",
        {"ev_action": Wording("definition", sql="pg_get_ruledef(o.oid)"), "ev_enabled": _ENABLED},
        table="o.ev_class",
        name="o.rulename",
    ),
    Kind(
        "'statistics'",
        "pg_statistic_ext",
        {
            "stxkind": Wording(
                "kinds",
                sql="""(SELECT '(' || string_agg(CASE kind WHEN 'd' THEN 'ndistinct'
                        WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' END, ', ' ORDER BY kind)
                        || ')' FROM unnest(o.stxkind) kind WHERE kind <> 'e')""",
            ),
            "stxkeys": Wording(
                "columns",
                sql="""(SELECT 'ON ' || string_agg(quote_ident(attname), ', ' ORDER BY attname)
                    FROM pg_attribute WHERE attrelid = o.stxrelid AND attnum = ANY(o.stxkeys))""",
            ),
            "stxexprs": Wording(
                "expressions",
                sql="array_to_string(pg_get_statisticsobjdef_expressions(o.oid), ', ')",
            ),
            # -1 until version 16.
            "stxstattarget": Wording(
                "STATISTICS", sql="'STATISTICS ' || NULLIF(o.stxstattarget, -1)"
            ),
        },
        table="o.stxrelid",
    ),
    Kind(
        "'publication'",
        "pg_publication",
        {
            "puballtables": "FOR ALL TABLES",
            "pubinsert": "insert",
            "pubupdate": "update",
            "pubdelete": "delete",
            "pubtruncate": "truncate",
            "pubviaroot": "publish_via_partition_root",
            "pubgencols": Wording(
                "publish_generated_columns", {"n": "", "s": "publish_generated_columns = stored"}
            ),
        },
        {
            "tables": Part(
                "pg_publication_rel",
                "pg_publication o JOIN pg_publication_rel p ON p.prpubid = o.oid",
                identity("pg_class", "p.prrelid"),
                {
                    "prattrs": Wording(
                        "columns",
                        sql="""'(' || (
                            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname)
                            FROM pg_attribute
                            WHERE attrelid = p.prrelid AND attnum = ANY(p.prattrs)) || ')'""",
                    ),
                    "prqual": Wording("WHERE", sql="'WHERE ' || pg_get_expr(p.prqual, p.prrelid)"),
                },
            ),
            "schemas": Part(
                "pg_publication_namespace",
                "pg_publication o JOIN pg_publication_namespace p ON p.pnpubid = o.oid"
                " JOIN pg_namespace n ON n.oid = p.pnnspid",
                "quote_ident(n.nspname)",
                {},
            ),
        },
    ),
    Kind(
        "'subscription'",
        "pg_subscription",
        {
            "subpublications": "PUBLICATION",
            "subenabled": "ENABLED",
            "subslotname": "slot_name",
            "subbinary": "binary",
            "substream": Wording(
                "streaming",
                {"f": "", "t": "streaming = on", "p": "streaming = parallel"}
                | {"false": "", "true": "streaming = on"},
            ),
            "subtwophasestate": Wording("two_phase", {"d": "", "p": "two_phase", "e": "two_phase"}),
            "subdisableonerr": "disable_on_error",
            "subsynccommit": "synchronous_commit",
            "subpasswordrequired": "password_required",
            "subrunasowner": "run_as_owner",
            "subfailover": "failover",
            "suborigin": "origin",
        },
        where="o.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ),
    Kind(
        "CASE WHEN a.attname IS NULL THEN 'sequence' ELSE 'sequence of column' END",
        "pg_sequence",
        _SEQUENCE,
        more={"owner": f"'OWNED BY ' || coalesce({_OWNER}, 'NONE')"},
        beside=("pg_class", "b.oid = o.seqrelid"),
        join=f"LEFT JOIN LATERAL ({_COLUMN_OF_SEQUENCE}) a ON true",
        address=("pg_class", "o.seqrelid"),
        table="a.attrelid",
        name="a.attname",
    ),
)


def columns_by_catalogue(kinds: Iterable[Kind]) -> Mapping[str, set[str]]:
    """Return the columns of each catalogue that the kinds list."""
    columns: dict[str, set[str]] = defaultdict(set)
    for kind in kinds:
        for part in kind.parts.values():
            columns[part.catalogue] |= {*part.columns}
        beside = _BESIDE.get(kind.beside[0], "")
        for column in kind.columns:
            is_beside = beside and column.startswith(beside)
            columns[kind.beside[0] if is_beside else kind.catalogue].add(column)
    return columns
