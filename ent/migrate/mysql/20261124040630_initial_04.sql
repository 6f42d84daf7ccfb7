-- +goose Up
-- create "erasures" table
CREATE TABLE `erasures` (
  `id` char(36) NOT NULL,
  `at` datetime(6) NOT NULL,
  `finished_at` datetime(6) NULL,
  PRIMARY KEY (`id`),
  INDEX `erasures_pending` (`finished_at`, `at`, `id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "erasures" table
DROP TABLE `erasures`;
