-- +goose Up
-- create "accounts" table
CREATE TABLE "accounts" (
  "id" character varying NOT NULL,
  "email" character varying NOT NULL,
  "email_canonical" character varying NOT NULL COLLATE "C",
  "username" character varying NULL,
  "username_canonical" character varying NULL COLLATE "C",
  "display_name" character varying NOT NULL,
  "locale" character varying NOT NULL,
  "status" character varying NOT NULL,
  "roles" jsonb NOT NULL,
  "email_verified_at" timestamptz NULL,
  "auth_generation" bigint NOT NULL,
  "credential_version" bigint NOT NULL,
  "profile_version" bigint NOT NULL,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  "last_login_at" timestamptz NULL,
  PRIMARY KEY ("id")
);
-- create index "accounts_email_canonical" to table: "accounts"
CREATE UNIQUE INDEX "accounts_email_canonical" ON "accounts" ("email_canonical");
-- create index "accounts_unverified" to table: "accounts"
CREATE INDEX "accounts_unverified" ON "accounts" ("email_verified_at", "created_at", "id");
-- create index "accounts_username_canonical" to table: "accounts"
CREATE UNIQUE INDEX "accounts_username_canonical" ON "accounts" ("username_canonical");
-- create "audit_events" table
CREATE TABLE "audit_events" (
  "id" character varying NOT NULL,
  "at" timestamptz NOT NULL,
  "actor_kind" character varying NOT NULL,
  "actor_id" character varying NOT NULL,
  "actor_session_id" character varying NOT NULL,
  "actor_ip" character varying NOT NULL,
  "actor_user_agent" text NOT NULL,
  "correlation_id" character varying NOT NULL,
  "action" character varying NOT NULL,
  "subject" character varying NOT NULL,
  "detail" jsonb NOT NULL,
  "chain_seq" bigint NULL,
  "chain_key_id" character varying NULL,
  "chain_salt" bytea NULL,
  "chain_commitment" bytea NULL,
  "chain_mac" bytea NULL,
  PRIMARY KEY ("id")
);
-- create index "audit_events_action" to table: "audit_events"
CREATE INDEX "audit_events_action" ON "audit_events" ("action", "at", "id");
-- create index "audit_events_actor" to table: "audit_events"
CREATE INDEX "audit_events_actor" ON "audit_events" ("actor_id", "at", "id");
-- create index "audit_events_at" to table: "audit_events"
CREATE INDEX "audit_events_at" ON "audit_events" ("at", "id");
-- create index "audit_events_chain" to table: "audit_events"
CREATE INDEX "audit_events_chain" ON "audit_events" ("chain_seq", "at", "id");
-- create index "audit_events_subject" to table: "audit_events"
CREATE INDEX "audit_events_subject" ON "audit_events" ("subject", "at", "id");
-- create "audit_heads" table
CREATE TABLE "audit_heads" (
  "id" character varying NOT NULL,
  "seq" bigint NOT NULL,
  "mac" bytea NOT NULL,
  "key_id" character varying NOT NULL,
  "at" timestamptz NOT NULL,
  "proof" bytea NOT NULL,
  PRIMARY KEY ("id")
);
-- create "erasures" table
CREATE TABLE "erasures" (
  "id" character varying NOT NULL,
  "at" timestamptz NOT NULL,
  "finished_at" timestamptz NULL,
  PRIMARY KEY ("id")
);
-- create index "erasures_pending" to table: "erasures"
CREATE INDEX "erasures_pending" ON "erasures" ("finished_at", "at", "id");
-- create "guards" table
CREATE TABLE "guards" (
  "id" character varying NOT NULL COLLATE "C",
  "count" bigint NOT NULL,
  PRIMARY KEY ("id")
);
-- create "idempotency_records" table
CREATE TABLE "idempotency_records" (
  "id" character varying NOT NULL,
  "body" bytea NOT NULL,
  "resource" character varying NOT NULL,
  "created_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "idempotency_records_expires" to table: "idempotency_records"
CREATE INDEX "idempotency_records_expires" ON "idempotency_records" ("expires_at");
-- create "messages" table
CREATE TABLE "messages" (
  "id" character varying NOT NULL,
  "kind" character varying NOT NULL,
  "account_id" character varying NOT NULL,
  "generation" bigint NOT NULL,
  "recipient" character varying NOT NULL,
  "locale" character varying NOT NULL,
  "data" jsonb NOT NULL,
  "state" character varying NOT NULL,
  "created_at" timestamptz NOT NULL,
  "attempt" bigint NOT NULL,
  "failures" bigint NOT NULL,
  "due_at" timestamptz NOT NULL,
  "settled_at" timestamptz NULL,
  "last_error" text NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "messages_account" to table: "messages"
CREATE INDEX "messages_account" ON "messages" ("account_id", "created_at", "id");
-- create index "messages_due" to table: "messages"
CREATE INDEX "messages_due" ON "messages" ("state", "due_at", "id");
-- create index "messages_settled" to table: "messages"
CREATE INDEX "messages_settled" ON "messages" ("settled_at");
-- create "signing_keys" table
CREATE TABLE "signing_keys" (
  "id" character varying NOT NULL,
  "algorithm" character varying NOT NULL,
  "state" character varying NOT NULL,
  "public_key" bytea NOT NULL,
  "sealed_private_key" bytea NOT NULL,
  "created_at" timestamptz NOT NULL,
  "state_since" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- create "throttles" table
CREATE TABLE "throttles" (
  "id" character varying NOT NULL,
  "failures" bigint NOT NULL,
  "last_failure_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);
-- create index "throttles_last_failure" to table: "throttles"
CREATE INDEX "throttles_last_failure" ON "throttles" ("last_failure_at");
-- create "credentials" table
CREATE TABLE "credentials" (
  "id" character varying NOT NULL,
  "password_hash" character varying NOT NULL,
  "settings" character varying NOT NULL,
  "version" bigint NOT NULL,
  "changed_at" timestamptz NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "credentials_id_fkey" FOREIGN KEY ("id") REFERENCES "accounts" ("id") ON UPDATE NO ACTION ON DELETE CASCADE
);
-- create index "credentials_settings" to table: "credentials"
CREATE INDEX "credentials_settings" ON "credentials" ("settings");
-- create "one_time_tokens" table
CREATE TABLE "one_time_tokens" (
  "id" character varying NOT NULL,
  "purpose" character varying NOT NULL,
  "slot" character varying NOT NULL COLLATE "C",
  "address" character varying NOT NULL,
  "address_canonical" character varying NOT NULL COLLATE "C",
  "generation" bigint NOT NULL,
  "created_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  "account_id" character varying NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "one_time_tokens_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts" ("id") ON UPDATE NO ACTION ON DELETE CASCADE
);
-- create index "one_time_tokens_expires" to table: "one_time_tokens"
CREATE INDEX "one_time_tokens_expires" ON "one_time_tokens" ("expires_at");
-- create index "one_time_tokens_holder" to table: "one_time_tokens"
CREATE INDEX "one_time_tokens_holder" ON "one_time_tokens" ("slot", "purpose");
-- create index "one_time_tokens_slot" to table: "one_time_tokens"
CREATE UNIQUE INDEX "one_time_tokens_slot" ON "one_time_tokens" ("account_id", "purpose", "slot");
-- create "sessions" table
CREATE TABLE "sessions" (
  "id" character varying NOT NULL,
  "generation" bigint NOT NULL,
  "client_id" character varying NOT NULL,
  "auth_methods" jsonb NOT NULL,
  "ip" character varying NOT NULL,
  "user_agent" text NOT NULL,
  "created_at" timestamptz NOT NULL,
  "last_seen_at" timestamptz NOT NULL,
  "expires_at" timestamptz NOT NULL,
  "absolute_expires_at" timestamptz NOT NULL,
  "ended_at" timestamptz NULL,
  "end_reason" character varying NOT NULL,
  "refresh_nonce" bytea NOT NULL,
  "refresh_counter" bigint NOT NULL,
  "refresh_retries" bigint NOT NULL,
  "refresh_key_id" character varying NOT NULL,
  "refresh_rotated_at" timestamptz NULL,
  "refresh_retry_key" bytea NULL,
  "account_id" character varying NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "sessions_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts" ("id") ON UPDATE NO ACTION ON DELETE CASCADE
);
-- create index "sessions_account" to table: "sessions"
CREATE INDEX "sessions_account" ON "sessions" ("account_id", "ended_at", "created_at", "id");
-- create index "sessions_ended" to table: "sessions"
CREATE INDEX "sessions_ended" ON "sessions" ("ended_at");
-- create index "sessions_expires" to table: "sessions"
CREATE INDEX "sessions_expires" ON "sessions" ("expires_at");

-- +goose Down
-- reverse: create index "sessions_expires" to table: "sessions"
DROP INDEX "sessions_expires";
-- reverse: create index "sessions_ended" to table: "sessions"
DROP INDEX "sessions_ended";
-- reverse: create index "sessions_account" to table: "sessions"
DROP INDEX "sessions_account";
-- reverse: create "sessions" table
DROP TABLE "sessions";
-- reverse: create index "one_time_tokens_slot" to table: "one_time_tokens"
DROP INDEX "one_time_tokens_slot";
-- reverse: create index "one_time_tokens_holder" to table: "one_time_tokens"
DROP INDEX "one_time_tokens_holder";
-- reverse: create index "one_time_tokens_expires" to table: "one_time_tokens"
DROP INDEX "one_time_tokens_expires";
-- reverse: create "one_time_tokens" table
DROP TABLE "one_time_tokens";
-- reverse: create index "credentials_settings" to table: "credentials"
DROP INDEX "credentials_settings";
-- reverse: create "credentials" table
DROP TABLE "credentials";
-- reverse: create index "throttles_last_failure" to table: "throttles"
DROP INDEX "throttles_last_failure";
-- reverse: create "throttles" table
DROP TABLE "throttles";
-- reverse: create "signing_keys" table
DROP TABLE "signing_keys";
-- reverse: create index "messages_settled" to table: "messages"
DROP INDEX "messages_settled";
-- reverse: create index "messages_due" to table: "messages"
DROP INDEX "messages_due";
-- reverse: create index "messages_account" to table: "messages"
DROP INDEX "messages_account";
-- reverse: create "messages" table
DROP TABLE "messages";
-- reverse: create index "idempotency_records_expires" to table: "idempotency_records"
DROP INDEX "idempotency_records_expires";
-- reverse: create "idempotency_records" table
DROP TABLE "idempotency_records";
-- reverse: create "guards" table
DROP TABLE "guards";
-- reverse: create index "erasures_pending" to table: "erasures"
DROP INDEX "erasures_pending";
-- reverse: create "erasures" table
DROP TABLE "erasures";
-- reverse: create "audit_heads" table
DROP TABLE "audit_heads";
-- reverse: create index "audit_events_subject" to table: "audit_events"
DROP INDEX "audit_events_subject";
-- reverse: create index "audit_events_chain" to table: "audit_events"
DROP INDEX "audit_events_chain";
-- reverse: create index "audit_events_at" to table: "audit_events"
DROP INDEX "audit_events_at";
-- reverse: create index "audit_events_actor" to table: "audit_events"
DROP INDEX "audit_events_actor";
-- reverse: create index "audit_events_action" to table: "audit_events"
DROP INDEX "audit_events_action";
-- reverse: create "audit_events" table
DROP TABLE "audit_events";
-- reverse: create index "accounts_username_canonical" to table: "accounts"
DROP INDEX "accounts_username_canonical";
-- reverse: create index "accounts_unverified" to table: "accounts"
DROP INDEX "accounts_unverified";
-- reverse: create index "accounts_email_canonical" to table: "accounts"
DROP INDEX "accounts_email_canonical";
-- reverse: create "accounts" table
DROP TABLE "accounts";
