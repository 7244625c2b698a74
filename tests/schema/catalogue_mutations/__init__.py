"""For each column of the catalogue that is compared: a change of it alone, and what is told of it.

Each module has objects, and changes of them. A key is a column of ``CATALOGUE_TABLES``, and a
variant may follow " of ". A value is the change, the table and the object that differ, and words
that must be told: "was | is". ``SINCE`` has those that a later major version has first, ``SEVERAL``
those that rightly tell of more than one object.
"""

from tests.schema.catalogue_mutations import objects, tables

MODULES = (tables, objects)
