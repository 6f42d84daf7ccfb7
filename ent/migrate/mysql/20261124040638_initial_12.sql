-- +goose Up
-- create "sessions" table
CREATE TABLE `sessions` (
  `id` char(36) NOT NULL,
  `generation` bigint NOT NULL,
  `client_id` varchar(255) NOT NULL,
  `auth_methods` json NOT NULL,
  `ip` varchar(255) NOT NULL,
  `user_agent` longtext NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `last_seen_at` datetime(6) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  `absolute_expires_at` datetime(6) NOT NULL,
  `ended_at` datetime(6) NULL,
  `end_reason` varchar(255) NOT NULL,
  `refresh_nonce` varbinary(32) NOT NULL,
  `refresh_counter` bigint NOT NULL,
  `refresh_retries` bigint NOT NULL,
  `refresh_key_id` varchar(255) NOT NULL,
  `refresh_rotated_at` datetime(6) NULL,
  `refresh_retry_key` varbinary(32) NULL,
  `account_id` char(36) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `sessions_account` (`account_id`, `ended_at`, `created_at`, `id`),
  INDEX `sessions_ended` (`ended_at`),
  INDEX `sessions_expires` (`expires_at`),
  CONSTRAINT `sessions_account_id_fkey` FOREIGN KEY (`account_id`) REFERENCES `accounts` (`id`) ON UPDATE RESTRICT ON DELETE CASCADE
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "sessions" table
DROP TABLE `sessions`;
