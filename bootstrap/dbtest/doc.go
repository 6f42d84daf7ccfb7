// Package dbtest gives tests real database servers: one container per server and test
// binary, started with the first test that asks, and a database of its own for each
// test. Without a Docker engine such tests are skipped and say why; with
// REQUIRE_DOCKER=1 in the environment they fail.
//
// The images are the official ones unless the environment names others:
// TEST_POSTGRES_IMAGE (postgres:17), TEST_MARIADB_IMAGE
// (mariadb:10.11), and TEST_MYSQL_IMAGE, which has no default: tests on MySQL
// run where it is set.
//
// Databases of PostgreSQL have the order of a language where the server can, so that a
// column that was forgotten to compare its bytes is noticed. Fill fills one as years
// would. Programs that measure start servers without a test: Start, Empty, Close.
//
// For bad days there are Proxy, a network that cuts, hangs or loses an answer at a chosen
// moment, and Alone and Crash, a server that dies.
//
// The servers keep their data in memory and do not wait for a disk: what they prove is
// what a database answers, not what survives a power cut.
package dbtest
