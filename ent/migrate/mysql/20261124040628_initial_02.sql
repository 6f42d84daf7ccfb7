-- +goose Up
-- create "audit_events" table
CREATE TABLE `audit_events` (
  `id` char(36) NOT NULL,
  `at` datetime(6) NOT NULL,
  `actor_kind` varchar(255) NOT NULL,
  `actor_id` varchar(255) NOT NULL,
  `actor_session_id` char(36) NOT NULL,
  `actor_ip` varchar(255) NOT NULL,
  `actor_user_agent` longtext NOT NULL,
  `correlation_id` varchar(255) NOT NULL,
  `action` varchar(255) NOT NULL,
  `subject` char(36) NOT NULL,
  `detail` json NOT NULL,
  `chain_seq` bigint NULL,
  `chain_key_id` varchar(255) NULL,
  `chain_salt` varbinary(16) NULL,
  `chain_commitment` varbinary(32) NULL,
  `chain_mac` varbinary(32) NULL,
  PRIMARY KEY (`id`),
  INDEX `audit_events_action` (`action`, `at`, `id`),
  INDEX `audit_events_actor` (`actor_id`, `at`, `id`),
  INDEX `audit_events_at` (`at`, `id`),
  INDEX `audit_events_chain` (`chain_seq`, `at`, `id`),
  INDEX `audit_events_subject` (`subject`, `at`, `id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "audit_events" table
DROP TABLE `audit_events`;
