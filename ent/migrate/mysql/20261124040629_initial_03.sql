-- +goose Up
-- create "audit_heads" table
CREATE TABLE `audit_heads` (
  `id` varchar(16) NOT NULL,
  `seq` bigint NOT NULL,
  `mac` varbinary(32) NOT NULL,
  `key_id` varchar(255) NOT NULL,
  `at` datetime(6) NOT NULL,
  `proof` varbinary(32) NOT NULL,
  PRIMARY KEY (`id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "audit_heads" table
DROP TABLE `audit_heads`;
