-- +goose Up
-- create "one_time_tokens" table
CREATE TABLE `one_time_tokens` (
  `id` char(64) NOT NULL,
  `purpose` varchar(32) NOT NULL,
  `slot` varbinary(1020) NOT NULL,
  `address` varchar(255) NOT NULL,
  `address_canonical` varbinary(1020) NOT NULL,
  `generation` bigint NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  `account_id` char(36) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `one_time_tokens_expires` (`expires_at`),
  INDEX `one_time_tokens_holder` (`slot`, `purpose`),
  UNIQUE INDEX `one_time_tokens_slot` (`account_id`, `purpose`, `slot`),
  CONSTRAINT `one_time_tokens_account_id_fkey` FOREIGN KEY (`account_id`) REFERENCES `accounts` (`id`) ON UPDATE RESTRICT ON DELETE CASCADE
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "one_time_tokens" table
DROP TABLE `one_time_tokens`;
