// Command new writes migration files; it is a tool for developers.
//
//	go run ./ent/migrate/new NAME      writes the migrations from the newest files to ent/schema
//	go run ./ent/migrate/new           only records checksums, after a file was edited by hand
//
// A file that the newest release (the git tags v*) has must be as it was then.
//
// The difference is taken between the whole folder, replayed on an empty database,
// and the schema, so it also proves that the old files still apply. The empty
// databases of servers are given by DEV_POSTGRES (a URL) and
// DEV_MYSQL (user:password@tcp(host:port)/database).
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/mattn/go-sqlite3"

	"authserve/ent/migrate"
	"authserve/ent/migrate/checksum"
)

const root = "ent/migrate"

// target is one folder of migrations.
type target struct{ folder, dialect, driver, source string }

func targets() []target {
	return []target{
		{filepath.Join(root, "sqlite"), dialect.SQLite, "sqlite3", "file:migrations?mode=memory&cache=shared&_fk=1"},
		{filepath.Join(root, "postgres"), dialect.Postgres, "pgx", os.Getenv("DEV_POSTGRES")},
		{filepath.Join(root, "mysql"), dialect.MySQL, "mysql", os.Getenv("DEV_MYSQL")},
	}
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("usage: go run ./ent/migrate/new [NAME], got %d arguments", len(args))
	}
	for _, t := range targets() {
		if len(args) == 1 {
			if t.source == "" {
				return errors.New("DEV_POSTGRES and DEV_MYSQL must name empty databases")
			}
			if err := t.write(ctx, args[0]); err != nil {
				return fmt.Errorf("%s: %w", t.folder, err)
			}
		}
		if err := t.record(ctx); err != nil {
			return err
		}
	}
	return nil
}

// record writes the checksum file.
func (t target) record(ctx context.Context) error {
	sums, err := checksum.Compute(os.DirFS(t.folder))
	if err != nil {
		return err
	}
	released, err := t.released(ctx)
	if err != nil {
		return err
	}
	if err := checksum.Extends(released, sums); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.folder, checksum.Name), sums, 0o600)
}

// released is the checksum file of the newest release, by version; nil before the
// first one that has the folder.
func (t target) released(ctx context.Context) ([]byte, error) {
	tags, err := git(ctx, "tag", "--list", "v*", "--sort=-version:refname")
	newest, _, _ := strings.Cut(string(tags), "\n")
	if err != nil || newest == "" {
		return nil, err
	}
	file := filepath.Join(t.folder, checksum.Name)
	if known, err := git(ctx, "ls-tree", "--name-only", newest, "./"+file); err != nil || len(known) == 0 {
		return nil, err
	}
	return git(ctx, "show", newest+":./"+file)
}

func git(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // no argument comes from outside
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}

// await returns when a server that has just been started answers.
func await(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}

// write adds the file of what ent/schema gained since the last one.
func (t target) write(ctx context.Context, name string) (err error) {
	if err := checksum.Verify(os.DirFS(t.folder)); err != nil {
		return err
	}
	db, err := sql.Open(t.driver, t.source)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := await(ctx, db); err != nil {
		return err
	}
	dir, err := sqltool.NewGooseDir(t.folder)
	if err != nil {
		return err
	}
	// The library wants a checksum file of its own form; ours was verified above.
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	if err := atlas.WriteSumFile(dir, sum); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(filepath.Join(t.folder, atlas.HashFileName))) }()
	tables, err := schema.CopyTables(migrate.Tables)
	if err != nil {
		return err
	}
	if t.dialect == dialect.Postgres {
		compareBytes(tables)
	}
	formatter := atlas.Formatter(sqltool.GooseFormatter)
	if t.dialect == dialect.MySQL {
		formatter = oneEach{}
	}
	differ, err := schema.NewMigrate(entsql.OpenDB(t.dialect, db),
		schema.WithDir(dir),
		schema.WithFormatter(formatter),
		schema.WithDialect(t.dialect),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
		schema.WithIndent("  "))
	if err != nil {
		return err
	}
	return differ.NamedDiff(ctx, name, tables...)
}

// compareBytes gives PostgreSQL's columns the order of bytes wherever those of MySQL
// are binary: by default the order is that of the database's locale, in which texts
// with a common beginning need not stand together. Ent has one collation for all
// databases, and no two of them call this one by the same name.
func compareBytes(tables []*schema.Table) {
	for _, table := range tables {
		for _, column := range table.Columns {
			if column.Type == field.TypeString && strings.HasPrefix(column.SchemaType[dialect.MySQL], "varbinary") {
				column.Collation = "C"
			}
		}
	}
}
