-- +goose Up
-- create "idempotency_records" table
CREATE TABLE `idempotency_records` (
  `id` char(64) NOT NULL,
  `body` varbinary(32) NOT NULL,
  `resource` char(36) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `idempotency_records_expires` (`expires_at`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "idempotency_records" table
DROP TABLE `idempotency_records`;
