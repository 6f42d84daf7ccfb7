package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	mysqlfiles "authserve/ent/migrate/mysql"
)

func (e mysqlEngine) migrations() migrations {
	return migrations{
		files: mysqlfiles.Files, dialect: goose.DialectMySQL,
		open: func() *sql.DB {
			// One connection, so that the one that has the lock runs the steps: when this
			// process dies, the server ends the connection and gives the lock back only
			// after a statement that still runs. A connection in use is not idle either.
			db := sql.OpenDB(e.connector(0, "READ-COMMITTED", false))
			db.SetMaxOpenConns(1)
			return db
		},
		look:    func() *sql.DB { return sql.OpenDB(e.connector(e.statementTimeout, "REPEATABLE-READ", true)) },
		tables:  "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
		lock:    lockMySQL,
		holder:  mysqlHolder,
		waiting: e.waiting,
		refused: refusedByMySQL,
		stepwise: &stepwise{
			held: heldMySQL, schema: mysqlSchema, answered: answered, done: isDone,
		},
	}
}

// answered reports that the server refused a statement, which then did nothing.
func answered(err error) bool { return errors.As(err, new(*mysql.MySQLError)) }

// The errors that say that a statement's work is there (MySQL error message
// reference; MariaDB error codes).
const (
	mysqlTableExists       = 1050
	mysqlUnknownTable      = 1051
	mysqlDuplicateColumn   = 1060
	mysqlDuplicateKeyName  = 1061
	mysqlMultiplePrimary   = 1068
	mysqlCannotDrop        = 1091
	mysqlDuplicateFKeyName = 1826
	mysqlDuplicateCheck    = 3822
	mysqlCannotCreate      = 1005 // MariaDB: also for a foreign key that is there
	mariaDuplicateInside   = "errno: 121"
)

// isDone reports that a statement of a migration failed because what it does is done,
// by whomever.
func isDone(err error) bool {
	var f *mysql.MySQLError
	if !errors.As(err, &f) {
		return false
	}
	switch f.Number {
	case mysqlTableExists, mysqlUnknownTable, mysqlDuplicateColumn, mysqlDuplicateKeyName, mysqlMultiplePrimary,
		mysqlCannotDrop, mysqlDuplicateFKeyName, mysqlDuplicateCheck:
		return true
	case mysqlCannotCreate:
		return strings.Contains(f.Message, mariaDuplicateInside)
	default:
		return false
	}
}

// What the server refuses for its content, of the errors whose SQLSTATE does not tell,
// and what it refuses for its load under one that does.
const (
	mysqlDataTruncated       = 1265
	mysqlCannotAddForeignKey = 1215
	mysqlNoDefault           = 1364
	mysqlIncorrectValue      = 1366
	mysqlColumnOfForeignKey  = 1832
	mysqlColumnReferenced    = 1833
	mysqlForeignKeyTypes     = 3780
	mysqlCheckViolated       = 3819
	mariaMalformedKeyInside  = "errno: 150"

	mysqlTooManyOfUser     = 1203
	mysqlResourceOfUser    = 1226
	mysqlTooManyStatements = 1461
)

// refusedByMySQL goes by the class of the SQLSTATE (cardinality, data, constraints,
// syntax and names and rights, features, check option, SIGNAL), which stands for
// nothing in many errors of the engine.
func refusedByMySQL(err error) bool {
	var f *mysql.MySQLError
	if !errors.As(err, &f) {
		return false
	}
	switch f.Number {
	case mysqlTooManyOfUser, mysqlResourceOfUser, mysqlTooManyStatements:
		return false
	case mysqlDataTruncated, mysqlCannotAddForeignKey, mysqlNoDefault, mysqlIncorrectValue, mysqlColumnOfForeignKey,
		mysqlColumnReferenced, mysqlForeignKeyTypes, mysqlCheckViolated, mysqlDuplicateFKeyName, mysqlDuplicateCheck:
		return true
	case mysqlCannotCreate:
		return strings.Contains(f.Message, mariaMalformedKeyInside) || strings.Contains(f.Message, mariaDuplicateInside)
	}
	switch string(f.SQLState[:2]) {
	case "0A", "21", "22", "23", "42", "44", "45":
		return true
	default:
		return false
	}
}

// mysqlLock is the name of the lock, of at most 64 characters, which are for the
// whole server.
const mysqlLock = "CONCAT('authserve:', SHA1(DATABASE()))"

// lockMySQL takes a lock of the server for the only connection of db.
func lockMySQL(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	for {
		var got sql.NullInt64
		if err := db.QueryRowContext(ctx, "SELECT GET_LOCK("+mysqlLock+", 1)").Scan(&got); err != nil {
			return nil, err
		}
		if got.Int64 == 1 {
			return func() error {
				_, err := db.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+mysqlLock+")")
				return err
			}, nil
		}
	}
}

var errLockLost = errors.New("the connection that held the migration lock was lost: run it again")

// heldMySQL fails unless db still has the connection that took the lock.
func heldMySQL(ctx context.Context, db *sql.DB) error {
	var held sql.NullBool
	if err := db.QueryRowContext(ctx, "SELECT IS_USED_LOCK("+mysqlLock+") = CONNECTION_ID()").Scan(&held); err != nil {
		return err
	}
	if !held.Bool {
		return errLockLost
	}
	return nil
}

func mysqlHolder(ctx context.Context, db *sql.DB) (string, error) {
	var id sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT IS_USED_LOCK("+mysqlLock+")").Scan(&id); err != nil || !id.Valid {
		return "", err
	}
	holder := fmt.Sprintf("the server's connection %d", id.Int64)
	var user, host string
	err := db.QueryRowContext(ctx, "SELECT user, host FROM information_schema.processlist WHERE id = ?", id.Int64).Scan(&user, &host)
	if err == nil { // otherwise it is gone, or for others to see
		holder += fmt.Sprintf(" of the user %s from %s", user, host)
	}
	return holder, nil
}

// mysqlSchema is the text that would make every table, but for those of migrations.
func mysqlSchema(ctx context.Context, db *sql.DB) (string, error) {
	names, err := column(ctx, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		if name == notesTable || name == goose.DefaultTablename {
			continue
		}
		rows, err := records(ctx, db, "SHOW CREATE TABLE `"+strings.ReplaceAll(name, "`", "``")+"`")
		if err != nil {
			return "", err
		}
		for _, row := range rows { // name, text; a view has more columns
			out.WriteString(row[1] + ";\n")
		}
	}
	return out.String(), nil
}

// records reads texts.
func records(ctx context.Context, db *sql.DB, query string) ([][]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]string
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// column reads the first column.
func column(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := records(ctx, db, query)
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row[0]
	}
	return names, err
}
