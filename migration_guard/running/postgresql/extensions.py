"""Which extension of PostgreSQL makes an object that a statement misses.

Source: PostgreSQL manual, Appendix F, and the manuals of PostGIS and pgvector.
"""

import re
from typing import Final

_MAKES: Final = {
    "citext": "citext",
    "hstore": "hstore",
    "ltree": "ltree lquery ltxtquery gist_ltree_ops",
    "cube": "cube",
    "isn": "ean13 isbn isbn13 issn issn13 upc",
    "intarray": "gist__int_ops gist__intbig_ops gin__int_ops query_int idx subarray",
    "vector": "vector halfvec sparsevec hnsw ivfflat vector_l2_ops vector_cosine_ops vector_ip_ops",
    "postgis": "geometry geography box2d box3d addgeometrycolumn",
    "uuid-ossp": "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 "
    "uuid_generate_v5 uuid_nil",
    "pgcrypto": "gen_random_uuid gen_random_bytes gen_salt crypt digest hmac pgp_sym_encrypt "
    "pgp_sym_decrypt pgp_pub_encrypt pgp_pub_decrypt",
    "pg_trgm": "gin_trgm_ops gist_trgm_ops similarity word_similarity strict_word_similarity "
    "show_trgm",
    "unaccent": "unaccent",
    "fuzzystrmatch": "levenshtein soundex difference metaphone dmetaphone",
    "earthdistance": "ll_to_earth earth_distance earth_box earth",
    "tablefunc": "crosstab normal_rand connectby",
    "bloom": "bloom",
    "dblink": "dblink dblink_connect dblink_exec dblink_fdw",
    "postgres_fdw": "postgres_fdw",
    "file_fdw": "file_fdw",
    "pg_stat_statements": "pg_stat_statements pg_stat_statements_reset",
    "xml2": "xpath_table xslt_process",
    "btree_gin": "gin",
    "btree_gist": "gist",
}
_EXTENSION: Final = {
    name: extension for extension, names in _MAKES.items() for name in names.split()
}
# undefined_object, undefined_function, undefined_table
CODES: Final = {"42704", "42883", "42P01"}
_MISSING: Final = re.compile(
    r"^(?:type|operator class|access method|text search \w+|foreign-data wrapper|relation) "
    r'"(?P<quoted>[^"]+)" does not exist'
    r"|^function (?P<function>[^()]+)\(.*\) does not exist"
    r'|no default operator class for access method "(?P<method>gist|gin)"'
    r'|^language "(?P<language>pl\w+)" does not exist',
    re.DOTALL,
)
PLACE: Final = (
    "SELECT (SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN "
    "pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = %s), "
    "EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = %s)"
)


def missing_extension(message: str) -> str:
    """Return the extension whose object the server's ``message`` misses, or an empty string."""
    match = _MISSING.search(message)
    if match is None:
        return ""
    if match["language"]:
        return match["language"]
    name = match["quoted"] or match["function"] or match["method"]
    return _EXTENSION.get(name.rpartition(".")[2].strip('"').removesuffix("[]").lower(), "")


def describe_remedy(extension: str, schema: str | None, file: str, *, is_available: bool) -> str:
    """Return what to do: ``schema`` has the extension already, or the server has its files."""
    if schema is not None:
        return (
            f"name the schema in {file}: the extension {extension} is there, in the schema "
            f"{schema}, which is not in the search path"
        )
    if not is_available:
        return f"install the package of the extension {extension} on the server"
    return f'write CREATE EXTENSION IF NOT EXISTS "{extension}"; above it in {file}'
