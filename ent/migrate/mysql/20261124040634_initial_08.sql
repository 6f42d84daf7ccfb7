-- +goose Up
-- create "signing_keys" table
CREATE TABLE `signing_keys` (
  `id` char(36) NOT NULL,
  `algorithm` varchar(255) NOT NULL,
  `state` varchar(255) NOT NULL,
  `public_key` blob NOT NULL,
  `sealed_private_key` blob NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `state_since` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "signing_keys" table
DROP TABLE `signing_keys`;
