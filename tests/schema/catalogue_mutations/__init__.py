"""For each column of the catalogue that is compared: a change of it alone, and what is told of it.

A key is a column of ``CATALOGUE_TABLES``, and a variant may follow " of ". A value is the change,
the table and the object that differ, and words that must be told.
"""

from tests.schema.catalogue_mutations import tables

SCHEMA = tables.SCHEMA
MUTATIONS = tables.MUTATIONS
# Those that a later major version has first, beside those of ``SINCE``.
SINCE = tables.SINCE
# Those that rightly tell of more than one object.
SEVERAL = tables.SEVERAL
