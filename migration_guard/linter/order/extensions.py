"""What extensions add that migrations name: types, functions and operator classes.

Source: ``pg_depend`` of PostgreSQL 15 with its contrib, and pgvector 0.8.
"""

from typing import Final

MEMBERS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(members.split())
    for name, members in {
        "citext": "citext citext_pattern_ops",
        "cube": (
            "cube cube_dim cube_enlarge cube_inter cube_is_point cube_ll_coord cube_size "
            "cube_subset cube_union cube_ur_coord"
        ),
        "dblink": (
            "dblink dblink_cancel_query dblink_close dblink_connect dblink_connect_u "
            "dblink_current_query dblink_disconnect dblink_error_message dblink_exec "
            "dblink_fetch dblink_get_connections dblink_get_notify dblink_get_result "
            "dblink_is_busy dblink_open dblink_send_query"
        ),
        "earthdistance": (
            "earth earth_box earth_distance gc_to_sec latitude ll_to_earth longitude sec_to_gc"
        ),
        "fuzzystrmatch": (
            "difference dmetaphone dmetaphone_alt levenshtein levenshtein_less_equal "
            "metaphone soundex text_soundex"
        ),
        "hstore": (
            "akeys avals defined each hstore hstore_to_json hstore_to_json_loose "
            "hstore_to_jsonb hstore_to_jsonb_loose isdefined isexists skeys slice svals"
        ),
        "intarray": (
            "gin__int_ops gist__intbig_ops intset query_int sort sort_asc sort_desc subarray uniq"
        ),
        "ltree": ("index lca lquery ltree ltree2text ltxtquery nlevel subltree subpath text2ltree"),
        "moddatetime": "moddatetime",
        "pg_trgm": (
            "gin_trgm_ops gist_trgm_ops set_limit show_limit show_trgm similarity "
            "strict_word_similarity word_similarity"
        ),
        "pgcrypto": (
            "armor crypt dearmor decrypt decrypt_iv digest encrypt encrypt_iv "
            "gen_random_bytes gen_salt hmac pgp_armor_headers pgp_key_id pgp_pub_decrypt "
            "pgp_pub_decrypt_bytea pgp_pub_encrypt pgp_pub_encrypt_bytea pgp_sym_decrypt "
            "pgp_sym_decrypt_bytea pgp_sym_encrypt pgp_sym_encrypt_bytea"
        ),
        "tablefunc": "connectby crosstab crosstab2 crosstab3 crosstab4 normal_rand",
        "unaccent": "unaccent",
        "uuid-ossp": (
            "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 "
            "uuid_generate_v5 uuid_nil uuid_ns_dns uuid_ns_oid uuid_ns_url uuid_ns_x500"
        ),
        "vector": (
            "cosine_distance halfvec halfvec_cosine_ops halfvec_ip_ops halfvec_l2_ops "
            "inner_product l1_distance l2_distance sparsevec vector vector_cosine_ops "
            "vector_dims vector_ip_ops vector_l1_ops vector_l2_ops vector_norm"
        ),
    }.items()
}
