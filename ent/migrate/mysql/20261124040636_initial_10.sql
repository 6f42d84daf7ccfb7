-- +goose Up
-- create "credentials" table
CREATE TABLE `credentials` (
  `id` char(36) NOT NULL,
  `password_hash` varchar(1024) NOT NULL,
  `settings` varchar(512) NOT NULL,
  `version` bigint NOT NULL,
  `changed_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `credentials_settings` (`settings`),
  CONSTRAINT `credentials_id_fkey` FOREIGN KEY (`id`) REFERENCES `accounts` (`id`) ON UPDATE RESTRICT ON DELETE CASCADE
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "credentials" table
DROP TABLE `credentials`;
