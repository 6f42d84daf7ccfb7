-- +goose Up
-- create "messages" table
CREATE TABLE `messages` (
  `id` char(36) NOT NULL,
  `kind` varchar(255) NOT NULL,
  `account_id` char(36) NOT NULL,
  `generation` bigint NOT NULL,
  `recipient` varchar(255) NOT NULL,
  `locale` varchar(255) NOT NULL,
  `data` json NOT NULL,
  `state` varchar(255) NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `attempt` bigint NOT NULL,
  `failures` bigint NOT NULL,
  `due_at` datetime(6) NOT NULL,
  `settled_at` datetime(6) NULL,
  `last_error` longtext NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `messages_account` (`account_id`, `created_at`, `id`),
  INDEX `messages_due` (`state`, `due_at`, `id`),
  INDEX `messages_settled` (`settled_at`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "messages" table
DROP TABLE `messages`;
