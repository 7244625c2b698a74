CREATE TABLE "everything_every" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "big" bigint NOT NULL, "binary" BLOB NULL, "boolean" bool NOT NULL, "char" varchar(40) NOT NULL UNIQUE, "date" date NOT NULL, "moment" datetime NOT NULL, "decimal" decimal NOT NULL, "duration" bigint NOT NULL, "email" varchar(254) NOT NULL, "file" varchar(100) NOT NULL, "path" varchar(100) NOT NULL, "real" real NOT NULL, "ip" char(39) NOT NULL, "json" text NOT NULL CHECK ((JSON_VALID("json") OR "json" IS NULL)), "integer" integer NOT NULL, "positive_big" bigint unsigned NOT NULL CHECK ("positive_big" >= 0), "positive" integer unsigned NOT NULL CHECK ("positive" >= 0), "positive_small" smallint unsigned NOT NULL CHECK ("positive_small" >= 0), "slug" varchar(50) NOT NULL, "small" smallint NULL, "text" text NULL, "time" time NOT NULL, "url" varchar(200) NOT NULL, "uuid" char(32) NOT NULL)
--
CREATE TABLE "everything_smallkey" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT)
--
CREATE TABLE "everything_integerkey" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT)
--
CREATE TABLE "everything_textkey" ("Na me" varchar(20) NOT NULL PRIMARY KEY)
--
CREATE TABLE "everything_defaults" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "char" varchar(20) DEFAULT 'it''s 100 %' NOT NULL, "integer" integer DEFAULT -3 NOT NULL, "decimal" decimal DEFAULT (CAST('1' AS NUMERIC)) NOT NULL, "real" real DEFAULT 1.5 NOT NULL, "boolean" bool DEFAULT 0 NOT NULL, "moment" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "total" integer DEFAULT ((3 + 4)) NOT NULL)
--
CREATE TABLE "everything_generated" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "first" varchar(20) NOT NULL, "width" integer NOT NULL, "area" bigint GENERATED ALWAYS AS (("width" * "width")) STORED, "lower" varchar(20) GENERATED ALWAYS AS (LOWER("first")) STORED, "shout" varchar(30) GENERATED ALWAYS AS (UPPER("first")) STORED)
--
CREATE TABLE "everything_composite" ("tenant" integer NOT NULL, "number" integer NOT NULL, PRIMARY KEY ("tenant", "number"))
--
CREATE TABLE "everything_referring" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "every_id" bigint NOT NULL REFERENCES "everything_every" ("id") DEFERRABLE INITIALLY DEFERRED, "by_char_id" varchar(40) NULL REFERENCES "everything_every" ("char") DEFERRABLE INITIALLY DEFERRED, "alone_id" varchar(20) NOT NULL UNIQUE REFERENCES "everything_textkey" ("Na me") DEFERRABLE INITIALLY DEFERRED, "unbound_id" bigint NOT NULL, "parent_id" bigint NULL REFERENCES "everything_referring" ("id") DEFERRABLE INITIALLY DEFERRED)
--
CREATE TABLE "everything_referring_many" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "referring_id" bigint NOT NULL REFERENCES "everything_referring" ("id") DEFERRABLE INITIALLY DEFERRED, "smallkey_id" smallint NOT NULL REFERENCES "everything_smallkey" ("id") DEFERRABLE INITIALLY DEFERRED)
--
CREATE TABLE "everything_referring_friends" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "from_referring_id" bigint NOT NULL REFERENCES "everything_referring" ("id") DEFERRABLE INITIALLY DEFERRED, "to_referring_id" bigint NOT NULL REFERENCES "everything_referring" ("id") DEFERRABLE INITIALLY DEFERRED)
--
CREATE TABLE "everything_through" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "referring_id" bigint NOT NULL REFERENCES "everything_referring" ("id") DEFERRABLE INITIALLY DEFERRED, "key_id" integer NOT NULL REFERENCES "everything_integerkey" ("id") DEFERRABLE INITIALLY DEFERRED)
--
CREATE TABLE "everything_place" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(20) NOT NULL)
--
CREATE TABLE "everything_restaurant" ("place_ptr_id" bigint NOT NULL PRIMARY KEY REFERENCES "everything_place" ("id") DEFERRABLE INITIALLY DEFERRED, "stars" integer NOT NULL)
--
CREATE TABLE "everything_indexed" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(40) NOT NULL, "other" varchar(40) NOT NULL, "number" integer NOT NULL, "active" bool NOT NULL)
--
CREATE TABLE "everything_constrained" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(40) NOT NULL, "other" varchar(40) NULL, "number" integer NOT NULL, "active" bool NOT NULL, CONSTRAINT "un_plain" UNIQUE ("name", "number"), CONSTRAINT "ck_range" CHECK ("number" BETWEEN 0 AND 100), CONSTRAINT "ck_like" CHECK ("name" LIKE 'a\%%' ESCAPE '\'), CONSTRAINT "ck_mixed" CHECK ((("active" = 1 AND NOT ("name" = 'x')) OR ("number" < 7 AND "other" IS NULL))), CONSTRAINT "ck_flag" CHECK (("active" = 0 OR NOT ("number" = 3))), CONSTRAINT "ck_columns" CHECK ("number" > ("number" - 1)))
--
CREATE INDEX "everything_every_big_5037305c" ON "everything_every" ("big")
--
CREATE INDEX "everything_every_slug_924e63bd" ON "everything_every" ("slug")
--
CREATE INDEX "everything_referring_every_id_6009d60e" ON "everything_referring" ("every_id")
--
CREATE INDEX "everything_referring_by_char_id_4e53ac5b" ON "everything_referring" ("by_char_id")
--
CREATE INDEX "everything_referring_unbound_id_26e48825" ON "everything_referring" ("unbound_id")
--
CREATE UNIQUE INDEX "everything_referring_many_referring_id_smallkey_id_d71e11bb_uniq" ON "everything_referring_many" ("referring_id", "smallkey_id")
--
CREATE INDEX "everything_referring_many_referring_id_a12b0f5a" ON "everything_referring_many" ("referring_id")
--
CREATE INDEX "everything_referring_many_smallkey_id_01660cfb" ON "everything_referring_many" ("smallkey_id")
--
CREATE UNIQUE INDEX "everything_referring_friends_from_referring_id_to_referring_id_2e66cc81_uniq" ON "everything_referring_friends" ("from_referring_id", "to_referring_id")
--
CREATE INDEX "everything_referring_friends_from_referring_id_006776f4" ON "everything_referring_friends" ("from_referring_id")
--
CREATE INDEX "everything_referring_friends_to_referring_id_e4d92a06" ON "everything_referring_friends" ("to_referring_id")
--
CREATE UNIQUE INDEX "everything_through_referring_id_key_id_fe8f49b0_uniq" ON "everything_through" ("referring_id", "key_id")
--
CREATE INDEX "everything_through_referring_id_aeecc93c" ON "everything_through" ("referring_id")
--
CREATE INDEX "everything_through_key_id_eca463bf" ON "everything_through" ("key_id")
--
CREATE INDEX "ix_plain" ON "everything_indexed" ("name")
--
CREATE INDEX "ix_ordered" ON "everything_indexed" ("name", "number" DESC)
--
CREATE INDEX "ix_functional" ON "everything_indexed" ((LOWER("name")))
--
CREATE INDEX "ix_functional_ordered" ON "everything_indexed" ((LOWER("name")) DESC, "number")
--
CREATE INDEX "ix_partial" ON "everything_indexed" ("number") WHERE "active" = 1
--
CREATE INDEX "ix_partial_text" ON "everything_indexed" ("other") WHERE ("name" IN ('50%', 'it''s') AND NOT ("number" = 3))
--
CREATE INDEX "ix_covering" ON "everything_indexed" ("other")
--
CREATE UNIQUE INDEX "un_partial" ON "everything_constrained" ("name") WHERE "active" = 1
--
CREATE UNIQUE INDEX "un_functional" ON "everything_constrained" ((LOWER("other")), "number")
--
CREATE UNIQUE INDEX "un_functional_partial" ON "everything_constrained" ((LOWER("name")) DESC) WHERE "number" > 3
