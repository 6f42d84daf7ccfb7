-- +goose Up
-- create "throttles" table
CREATE TABLE `throttles` (
  `id` char(64) NOT NULL,
  `failures` bigint NOT NULL,
  `last_failure_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `throttles_last_failure` (`last_failure_at`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "throttles" table
DROP TABLE `throttles`;
