-- +goose Up
-- create "guards" table
CREATE TABLE `guards` (
  `id` varbinary(255) NOT NULL,
  `count` bigint NOT NULL,
  PRIMARY KEY (`id`)
) CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- reverse: create "guards" table
DROP TABLE `guards`;
