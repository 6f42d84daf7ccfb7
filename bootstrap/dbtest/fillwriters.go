package dbtest

import (
	"fmt"

	"authserve/ports/fake"
)

const (
	octets = "0123456789abcdef0123456789abcdef"
	idForm = "01900000-0000-7000-8%03d-"
	epoch  = "2006-01-02 15:04:05.000000"
)

func sqliteWriter() writer {
	hex := func(x string, width int) string { return fmt.Sprintf("printf('%%0%dx', %s)", width, x) }
	return writer{
		id:  func(kind int, n string) string { return fmt.Sprintf("'"+idForm+"' || ", kind) + hex(n, 12) },
		hex: hex,
		at: func(seconds string) string { // as the driver writes an instant
			return fmt.Sprintf("strftime('%%Y-%%m-%%d %%H:%%M:%%S', %d + (%s), 'unixepoch') || '%s'",
				fake.Epoch().Unix(), seconds, fake.Epoch().Format(".999999-07:00"))
		},
		blob:    "CAST('" + octets + "' AS BLOB)",
		json:    func(literal string) string { return "'" + literal + "'" },
		number:  "INTEGER",
		before:  []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000", "BEGIN"},
		indexes: "SELECT 'DROP INDEX ' || name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY rowid",
		after:   []string{"COMMIT", "PRAGMA journal_mode = WAL"},
	}
}

func postgresWriter() writer {
	hex := func(x string, width int) string { return fmt.Sprintf("lpad(to_hex(%s), %d, '0')", x, width) }
	return writer{
		id:  func(kind int, n string) string { return fmt.Sprintf("'"+idForm+"' || ", kind) + hex(n, 12) },
		hex: hex,
		at: func(seconds string) string {
			return fmt.Sprintf("timestamptz '%s+00' + (%s) * interval '1 second'", fake.Epoch().Format(epoch), seconds)
		},
		blob:   "CAST('" + octets + "' AS bytea)",
		json:   func(literal string) string { return "CAST('" + literal + "' AS jsonb)" },
		number: "bigint",
		before: []string{"SET session_replication_role = replica", "SET maintenance_work_mem = '512MB'"}, // which leaves foreign keys alone
		indexes: "SELECT 'DROP INDEX ' || relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid " +
			"WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary ORDER BY indexrelid",
		after: []string{"VACUUM ANALYZE"}, // as autovacuum does with time
	}
}

func mysqlWriter() writer {
	hex := func(x string, width int) string { return fmt.Sprintf("lower(lpad(hex(%s), %d, '0'))", x, width) }
	return writer{
		id:  func(kind int, n string) string { return fmt.Sprintf("'"+idForm+"' || ", kind) + hex(n, 12) },
		hex: hex,
		at: func(seconds string) string {
			return fmt.Sprintf("timestamp'%s' + INTERVAL (%s) SECOND", fake.Epoch().Format(epoch), seconds)
		},
		blob:   "'" + octets + "'",
		json:   func(literal string) string { return "'" + literal + "'" },
		number: "SIGNED",
		before: []string{
			"SET SESSION sql_mode = 'PIPES_AS_CONCAT'", "SET SESSION foreign_key_checks = 0", "SET SESSION unique_checks = 0",
			"SET GLOBAL innodb_buffer_pool_size = 1073741824",
			// MariaDB and MySQL have no name in common for it.
			"SET SESSION /*M! max_recursive_iterations */ /*!80000 cte_max_recursion_depth */ = 10000000",
		},
		indexes: "SELECT concat('ALTER TABLE ', t, ' ', group_concat(gone)), concat('ALTER TABLE ', t, ' ', group_concat(made)) FROM (" +
			"SELECT table_name AS t, concat('DROP INDEX ', index_name) AS gone, concat('ADD ', if(max(non_unique) = 0, 'UNIQUE ', ''), " +
			"'INDEX ', index_name, ' (', group_concat(column_name ORDER BY seq_in_index), ')') AS made FROM information_schema.statistics " +
			"WHERE table_schema = database() AND index_name <> 'PRIMARY' AND table_name <> 'goose_db_version' GROUP BY table_name, index_name) AS each_one GROUP BY t",
		after: []string{"ANALYZE TABLE accounts, credentials, sessions, audit_events, messages, one_time_tokens, throttles, erasures, idempotency_records, signing_keys"},
	}
}
