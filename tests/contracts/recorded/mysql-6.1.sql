CREATE TABLE `everything_every` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `big` bigint NOT NULL, `binary` longblob NULL, `boolean` bool NOT NULL, `char` varchar(40) NOT NULL UNIQUE, `date` date NOT NULL, `moment` datetime(6) NOT NULL, `decimal` numeric(10, 3) NOT NULL, `duration` bigint NOT NULL, `email` varchar(254) NOT NULL, `file` varchar(100) NOT NULL, `path` varchar(100) NOT NULL, `real` double precision NOT NULL, `ip` char(39) NOT NULL, `json` json NOT NULL, `integer` integer NOT NULL  COMMENT 'a plain number', `positive_big` bigint UNSIGNED NOT NULL CHECK (`positive_big` >= 0), `positive` integer UNSIGNED NOT NULL CHECK (`positive` >= 0), `positive_small` smallint UNSIGNED NOT NULL CHECK (`positive_small` >= 0), `slug` varchar(50) NOT NULL, `small` smallint NULL, `text` longtext NULL, `time` time(6) NOT NULL, `url` varchar(200) NOT NULL, `uuid` uuid NOT NULL)
--
ALTER TABLE `everything_every` COMMENT = 'a table of everything'
--
CREATE TABLE `everything_smallkey` (`id` smallint AUTO_INCREMENT NOT NULL PRIMARY KEY)
--
CREATE TABLE `everything_integerkey` (`id` integer AUTO_INCREMENT NOT NULL PRIMARY KEY)
--
CREATE TABLE `everything_textkey` (`Na me` varchar(20) NOT NULL PRIMARY KEY)
--
CREATE TABLE `everything_defaults` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `char` varchar(20) DEFAULT 'it\'s 100 %' NOT NULL, `integer` integer DEFAULT -3 NOT NULL, `decimal` numeric(6, 2) DEFAULT 1 NOT NULL, `real` double precision DEFAULT 1.5e0 NOT NULL, `boolean` bool DEFAULT b'0' NOT NULL, `moment` datetime(6) DEFAULT (CURRENT_TIMESTAMP(6)) NOT NULL, `total` integer DEFAULT ((3 + 4)) NOT NULL)
--
CREATE TABLE `everything_generated` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `first` varchar(20) NOT NULL, `width` integer NOT NULL, `area` bigint GENERATED ALWAYS AS ((`width` * `width`)) STORED, `lower` varchar(20) GENERATED ALWAYS AS (LOWER(`first`)) STORED, `shout` varchar(30) GENERATED ALWAYS AS (UPPER(`first`)) STORED)
--
CREATE TABLE `everything_composite` (`tenant` integer NOT NULL, `number` integer NOT NULL, PRIMARY KEY (`tenant`, `number`))
--
CREATE TABLE `everything_referring` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `every_id` bigint NOT NULL, `by_char_id` varchar(40) NULL, `alone_id` varchar(20) NOT NULL UNIQUE, `unbound_id` bigint NOT NULL, `parent_id` bigint NULL)
--
CREATE TABLE `everything_referring_many` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `referring_id` bigint NOT NULL, `smallkey_id` smallint NOT NULL)
--
CREATE TABLE `everything_referring_friends` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `from_referring_id` bigint NOT NULL, `to_referring_id` bigint NOT NULL)
--
CREATE TABLE `everything_through` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `referring_id` bigint NOT NULL, `key_id` integer NOT NULL)
--
CREATE TABLE `everything_place` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `name` varchar(20) NOT NULL)
--
CREATE TABLE `everything_restaurant` (`place_ptr_id` bigint NOT NULL PRIMARY KEY, `stars` integer NOT NULL)
--
CREATE TABLE `everything_indexed` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `name` varchar(40) NOT NULL, `other` varchar(40) NOT NULL, `number` integer NOT NULL, `active` bool NOT NULL)
--
CREATE TABLE `everything_constrained` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `name` varchar(40) NOT NULL, `other` varchar(40) NULL, `number` integer NOT NULL, `active` bool NOT NULL, CONSTRAINT `un_plain` UNIQUE (`name`, `number`), CONSTRAINT `ck_range` CHECK (`number` BETWEEN 0 AND 100), CONSTRAINT `ck_like` CHECK (`name` LIKE BINARY 'a\\%%'), CONSTRAINT `ck_mixed` CHECK (((`active` = b'1' AND NOT (`name` = 'x')) OR (`number` < 7 AND `other` IS NULL))), CONSTRAINT `ck_flag` CHECK ((`active` = b'0' OR NOT (`number` = 3))), CONSTRAINT `ck_columns` CHECK (`number` > (`number` - 1)))
--
CREATE INDEX `everything_every_big_5037305c` ON `everything_every` (`big`)
--
CREATE INDEX `everything_every_slug_924e63bd` ON `everything_every` (`slug`)
--
ALTER TABLE `everything_referring` ADD CONSTRAINT `everything_referring_every_id_6009d60e_fk_everything_every_id` FOREIGN KEY (`every_id`) REFERENCES `everything_every` (`id`)
--
ALTER TABLE `everything_referring` ADD CONSTRAINT `everything_referring_by_char_id_4e53ac5b_fk_everythin` FOREIGN KEY (`by_char_id`) REFERENCES `everything_every` (`char`)
--
ALTER TABLE `everything_referring` ADD CONSTRAINT `everything_referring_alone_id_803d0d17_fk_everythin` FOREIGN KEY (`alone_id`) REFERENCES `everything_textkey` (`Na me`)
--
ALTER TABLE `everything_referring` ADD CONSTRAINT `everything_referring_parent_id_10e50529_fk_everythin` FOREIGN KEY (`parent_id`) REFERENCES `everything_referring` (`id`)
--
CREATE INDEX `everything_referring_unbound_id_26e48825` ON `everything_referring` (`unbound_id`)
--
ALTER TABLE `everything_referring_many` ADD CONSTRAINT `everything_referring_many_referring_id_smallkey_id_d71e11bb_uniq` UNIQUE (`referring_id`, `smallkey_id`)
--
ALTER TABLE `everything_referring_many` ADD CONSTRAINT `everything_referring_referring_id_a12b0f5a_fk_everythin` FOREIGN KEY (`referring_id`) REFERENCES `everything_referring` (`id`)
--
ALTER TABLE `everything_referring_many` ADD CONSTRAINT `everything_referring_smallkey_id_01660cfb_fk_everythin` FOREIGN KEY (`smallkey_id`) REFERENCES `everything_smallkey` (`id`)
--
ALTER TABLE `everything_referring_friends` ADD CONSTRAINT `everything_referring_fri_from_referring_id_to_ref_2e66cc81_uniq` UNIQUE (`from_referring_id`, `to_referring_id`)
--
ALTER TABLE `everything_referring_friends` ADD CONSTRAINT `everything_referring_from_referring_id_006776f4_fk_everythin` FOREIGN KEY (`from_referring_id`) REFERENCES `everything_referring` (`id`)
--
ALTER TABLE `everything_referring_friends` ADD CONSTRAINT `everything_referring_to_referring_id_e4d92a06_fk_everythin` FOREIGN KEY (`to_referring_id`) REFERENCES `everything_referring` (`id`)
--
ALTER TABLE `everything_through` ADD CONSTRAINT `everything_through_referring_id_key_id_fe8f49b0_uniq` UNIQUE (`referring_id`, `key_id`)
--
ALTER TABLE `everything_through` ADD CONSTRAINT `everything_through_referring_id_aeecc93c_fk_everythin` FOREIGN KEY (`referring_id`) REFERENCES `everything_referring` (`id`)
--
ALTER TABLE `everything_through` ADD CONSTRAINT `everything_through_key_id_eca463bf_fk_everything_integerkey_id` FOREIGN KEY (`key_id`) REFERENCES `everything_integerkey` (`id`)
--
ALTER TABLE `everything_restaurant` ADD CONSTRAINT `everything_restauran_place_ptr_id_457043b1_fk_everythin` FOREIGN KEY (`place_ptr_id`) REFERENCES `everything_place` (`id`)
--
CREATE INDEX `ix_plain` ON `everything_indexed` (`name`)
--
CREATE INDEX `ix_ordered` ON `everything_indexed` (`name`, `number` DESC)
--
CREATE INDEX `ix_partial` ON `everything_indexed` (`number`)
--
CREATE INDEX `ix_partial_text` ON `everything_indexed` (`other`)
--
CREATE INDEX `ix_covering` ON `everything_indexed` (`other`)
