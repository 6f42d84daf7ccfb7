-- +goose Up
-- create "accounts" table
CREATE TABLE `accounts` (
  `id` char(36) NOT NULL,
  `email` varchar(255) NOT NULL,
  `email_canonical` varbinary(1020) NOT NULL,
  `username` varchar(255) NULL,
  `username_canonical` varbinary(128) NULL,
  `display_name` varchar(255) NOT NULL,
  `locale` varchar(255) NOT NULL,
  `status` varchar(255) NOT NULL,
  `roles` json NOT NULL,
  `email_verified_at` datetime(6) NULL,
  `auth_generation` bigint NOT NULL,
  `credential_version` bigint NOT NULL,
  `profile_version` bigint NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `updated_at` datetime(6) NOT NULL,
  `last_login_at` datetime(6) NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `accounts_email_canonical` (`email_canonical`),
  INDEX `accounts_unverified` (`email_verified_at`, `created_at`, `id`),
  UNIQUE INDEX `accounts_username_canonical` (`username_canonical`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "accounts" table
DROP TABLE `accounts`;
