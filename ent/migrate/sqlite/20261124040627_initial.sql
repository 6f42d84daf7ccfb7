-- +goose Up
-- create "accounts" table
CREATE TABLE `accounts` (
  `id` text NOT NULL,
  `email` text NOT NULL,
  `email_canonical` text NOT NULL,
  `username` text NULL,
  `username_canonical` text NULL,
  `display_name` text NOT NULL,
  `locale` text NOT NULL,
  `status` text NOT NULL,
  `roles` json NOT NULL,
  `email_verified_at` datetime NULL,
  `auth_generation` integer NOT NULL,
  `credential_version` integer NOT NULL,
  `profile_version` integer NOT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `last_login_at` datetime NULL,
  PRIMARY KEY (`id`)
);
-- create index "accounts_email_canonical" to table: "accounts"
CREATE UNIQUE INDEX `accounts_email_canonical` ON `accounts` (`email_canonical`);
-- create index "accounts_username_canonical" to table: "accounts"
CREATE UNIQUE INDEX `accounts_username_canonical` ON `accounts` (`username_canonical`);
-- create index "accounts_unverified" to table: "accounts"
CREATE INDEX `accounts_unverified` ON `accounts` (`email_verified_at`, `created_at`, `id`);
-- create "audit_events" table
CREATE TABLE `audit_events` (
  `id` text NOT NULL,
  `at` datetime NOT NULL,
  `actor_kind` text NOT NULL,
  `actor_id` text NOT NULL,
  `actor_session_id` text NOT NULL,
  `actor_ip` text NOT NULL,
  `actor_user_agent` text NOT NULL,
  `correlation_id` text NOT NULL,
  `action` text NOT NULL,
  `subject` text NOT NULL,
  `detail` json NOT NULL,
  `chain_seq` integer NULL,
  `chain_key_id` text NULL,
  `chain_salt` blob NULL,
  `chain_commitment` blob NULL,
  `chain_mac` blob NULL,
  PRIMARY KEY (`id`)
);
-- create index "audit_events_chain" to table: "audit_events"
CREATE INDEX `audit_events_chain` ON `audit_events` (`chain_seq`, `at`, `id`);
-- create index "audit_events_actor" to table: "audit_events"
CREATE INDEX `audit_events_actor` ON `audit_events` (`actor_id`, `at`, `id`);
-- create index "audit_events_at" to table: "audit_events"
CREATE INDEX `audit_events_at` ON `audit_events` (`at`, `id`);
-- create index "audit_events_action" to table: "audit_events"
CREATE INDEX `audit_events_action` ON `audit_events` (`action`, `at`, `id`);
-- create index "audit_events_subject" to table: "audit_events"
CREATE INDEX `audit_events_subject` ON `audit_events` (`subject`, `at`, `id`);
-- create "audit_heads" table
CREATE TABLE `audit_heads` (
  `id` text NOT NULL,
  `seq` integer NOT NULL,
  `mac` blob NOT NULL,
  `key_id` text NOT NULL,
  `at` datetime NOT NULL,
  `proof` blob NOT NULL,
  PRIMARY KEY (`id`)
);
-- create "credentials" table
CREATE TABLE `credentials` (
  `id` text NOT NULL,
  `password_hash` text NOT NULL,
  `settings` text NOT NULL,
  `version` integer NOT NULL,
  `changed_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `credentials_id_fkey` FOREIGN KEY (`id`) REFERENCES `accounts` (`id`) ON DELETE CASCADE
);
-- create index "credentials_settings" to table: "credentials"
CREATE INDEX `credentials_settings` ON `credentials` (`settings`);
-- create "erasures" table
CREATE TABLE `erasures` (
  `id` text NOT NULL,
  `at` datetime NOT NULL,
  `finished_at` datetime NULL,
  PRIMARY KEY (`id`)
);
-- create index "erasures_pending" to table: "erasures"
CREATE INDEX `erasures_pending` ON `erasures` (`finished_at`, `at`, `id`);
-- create "guards" table
CREATE TABLE `guards` (
  `id` text NOT NULL,
  `count` integer NOT NULL,
  PRIMARY KEY (`id`)
);
-- create "idempotency_records" table
CREATE TABLE `idempotency_records` (
  `id` text NOT NULL,
  `body` blob NOT NULL,
  `resource` text NOT NULL,
  `created_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "idempotency_records_expires" to table: "idempotency_records"
CREATE INDEX `idempotency_records_expires` ON `idempotency_records` (`expires_at`);
-- create "messages" table
CREATE TABLE `messages` (
  `id` text NOT NULL,
  `kind` text NOT NULL,
  `account_id` text NOT NULL,
  `generation` integer NOT NULL,
  `recipient` text NOT NULL,
  `locale` text NOT NULL,
  `data` json NOT NULL,
  `state` text NOT NULL,
  `created_at` datetime NOT NULL,
  `attempt` integer NOT NULL,
  `failures` integer NOT NULL,
  `due_at` datetime NOT NULL,
  `settled_at` datetime NULL,
  `last_error` text NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "messages_due" to table: "messages"
CREATE INDEX `messages_due` ON `messages` (`state`, `due_at`, `id`);
-- create index "messages_settled" to table: "messages"
CREATE INDEX `messages_settled` ON `messages` (`settled_at`);
-- create index "messages_account" to table: "messages"
CREATE INDEX `messages_account` ON `messages` (`account_id`, `created_at`, `id`);
-- create "one_time_tokens" table
CREATE TABLE `one_time_tokens` (
  `id` text NOT NULL,
  `purpose` text NOT NULL,
  `slot` text NOT NULL,
  `address` text NOT NULL,
  `address_canonical` text NOT NULL,
  `generation` integer NOT NULL,
  `created_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `account_id` text NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `one_time_tokens_account_id_fkey` FOREIGN KEY (`account_id`) REFERENCES `accounts` (`id`) ON DELETE CASCADE
);
-- create index "one_time_tokens_slot" to table: "one_time_tokens"
CREATE UNIQUE INDEX `one_time_tokens_slot` ON `one_time_tokens` (`account_id`, `purpose`, `slot`);
-- create index "one_time_tokens_holder" to table: "one_time_tokens"
CREATE INDEX `one_time_tokens_holder` ON `one_time_tokens` (`slot`, `purpose`);
-- create index "one_time_tokens_expires" to table: "one_time_tokens"
CREATE INDEX `one_time_tokens_expires` ON `one_time_tokens` (`expires_at`);
-- create "sessions" table
CREATE TABLE `sessions` (
  `id` text NOT NULL,
  `generation` integer NOT NULL,
  `client_id` text NOT NULL,
  `auth_methods` json NOT NULL,
  `ip` text NOT NULL,
  `user_agent` text NOT NULL,
  `created_at` datetime NOT NULL,
  `last_seen_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `absolute_expires_at` datetime NOT NULL,
  `ended_at` datetime NULL,
  `end_reason` text NOT NULL,
  `refresh_nonce` blob NOT NULL,
  `refresh_counter` integer NOT NULL,
  `refresh_retries` integer NOT NULL,
  `refresh_key_id` text NOT NULL,
  `refresh_rotated_at` datetime NULL,
  `refresh_retry_key` blob NULL,
  `account_id` text NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `sessions_account_id_fkey` FOREIGN KEY (`account_id`) REFERENCES `accounts` (`id`) ON DELETE CASCADE
);
-- create index "sessions_account" to table: "sessions"
CREATE INDEX `sessions_account` ON `sessions` (`account_id`, `ended_at`, `created_at`, `id`);
-- create index "sessions_ended" to table: "sessions"
CREATE INDEX `sessions_ended` ON `sessions` (`ended_at`);
-- create index "sessions_expires" to table: "sessions"
CREATE INDEX `sessions_expires` ON `sessions` (`expires_at`);
-- create "signing_keys" table
CREATE TABLE `signing_keys` (
  `id` text NOT NULL,
  `algorithm` text NOT NULL,
  `state` text NOT NULL,
  `public_key` blob NOT NULL,
  `sealed_private_key` blob NOT NULL,
  `created_at` datetime NOT NULL,
  `state_since` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- create "throttles" table
CREATE TABLE `throttles` (
  `id` text NOT NULL,
  `failures` integer NOT NULL,
  `last_failure_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);
-- create index "throttles_last_failure" to table: "throttles"
CREATE INDEX `throttles_last_failure` ON `throttles` (`last_failure_at`);

-- +goose Down
-- reverse: create index "throttles_last_failure" to table: "throttles"
DROP INDEX `throttles_last_failure`;
-- reverse: create "throttles" table
DROP TABLE `throttles`;
-- reverse: create "signing_keys" table
DROP TABLE `signing_keys`;
-- reverse: create index "sessions_expires" to table: "sessions"
DROP INDEX `sessions_expires`;
-- reverse: create index "sessions_ended" to table: "sessions"
DROP INDEX `sessions_ended`;
-- reverse: create index "sessions_account" to table: "sessions"
DROP INDEX `sessions_account`;
-- reverse: create "sessions" table
DROP TABLE `sessions`;
-- reverse: create index "one_time_tokens_expires" to table: "one_time_tokens"
DROP INDEX `one_time_tokens_expires`;
-- reverse: create index "one_time_tokens_holder" to table: "one_time_tokens"
DROP INDEX `one_time_tokens_holder`;
-- reverse: create index "one_time_tokens_slot" to table: "one_time_tokens"
DROP INDEX `one_time_tokens_slot`;
-- reverse: create "one_time_tokens" table
DROP TABLE `one_time_tokens`;
-- reverse: create index "messages_account" to table: "messages"
DROP INDEX `messages_account`;
-- reverse: create index "messages_settled" to table: "messages"
DROP INDEX `messages_settled`;
-- reverse: create index "messages_due" to table: "messages"
DROP INDEX `messages_due`;
-- reverse: create "messages" table
DROP TABLE `messages`;
-- reverse: create index "idempotency_records_expires" to table: "idempotency_records"
DROP INDEX `idempotency_records_expires`;
-- reverse: create "idempotency_records" table
DROP TABLE `idempotency_records`;
-- reverse: create "guards" table
DROP TABLE `guards`;
-- reverse: create index "erasures_pending" to table: "erasures"
DROP INDEX `erasures_pending`;
-- reverse: create "erasures" table
DROP TABLE `erasures`;
-- reverse: create index "credentials_settings" to table: "credentials"
DROP INDEX `credentials_settings`;
-- reverse: create "credentials" table
DROP TABLE `credentials`;
-- reverse: create "audit_heads" table
DROP TABLE `audit_heads`;
-- reverse: create index "audit_events_subject" to table: "audit_events"
DROP INDEX `audit_events_subject`;
-- reverse: create index "audit_events_action" to table: "audit_events"
DROP INDEX `audit_events_action`;
-- reverse: create index "audit_events_at" to table: "audit_events"
DROP INDEX `audit_events_at`;
-- reverse: create index "audit_events_actor" to table: "audit_events"
DROP INDEX `audit_events_actor`;
-- reverse: create index "audit_events_chain" to table: "audit_events"
DROP INDEX `audit_events_chain`;
-- reverse: create "audit_events" table
DROP TABLE `audit_events`;
-- reverse: create index "accounts_unverified" to table: "accounts"
DROP INDEX `accounts_unverified`;
-- reverse: create index "accounts_username_canonical" to table: "accounts"
DROP INDEX `accounts_username_canonical`;
-- reverse: create index "accounts_email_canonical" to table: "accounts"
DROP INDEX `accounts_email_canonical`;
-- reverse: create "accounts" table
DROP TABLE `accounts`;
