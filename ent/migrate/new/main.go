// Command new writes migration files; it is a tool for developers.
//
//	go run ./ent/migrate/new NAME      writes the migration from the newest file to ent/schema
//	go run ./ent/migrate/new           only records checksums, after a file was edited by hand
//
// A file that the newest release (the git tags v*) has must be as it was then.
//
// The difference is taken between the whole folder, replayed on an empty database,
// and the schema, so it also proves that the old files still apply.
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

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "github.com/mattn/go-sqlite3"

	"authserve/ent/migrate"
	"authserve/ent/migrate/checksum"
)

const sqliteFolder = "ent/migrate/sqlite"

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
	if len(args) == 1 {
		if err := writeMigration(ctx, args[0]); err != nil {
			return err
		}
	}
	sums, err := checksum.Compute(os.DirFS(sqliteFolder))
	if err != nil {
		return err
	}
	released, err := releasedSums(ctx)
	if err != nil {
		return err
	}
	if err := checksum.Extends(released, sums); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(sqliteFolder, checksum.Name), sums, 0o600)
}

// releasedSums is the checksum file of the newest release, by version; nil before
// the first one.
func releasedSums(ctx context.Context) ([]byte, error) {
	tags, err := git(ctx, "tag", "--list", "v*", "--sort=-version:refname")
	newest, _, _ := strings.Cut(string(tags), "\n")
	if err != nil || newest == "" {
		return nil, err
	}
	return git(ctx, "show", newest+":./"+sqliteFolder+"/"+checksum.Name)
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

func writeMigration(ctx context.Context, name string) (err error) {
	if err := checksum.Verify(os.DirFS(sqliteFolder)); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:migrations?mode=memory&cache=shared&_fk=1")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	dir, err := sqltool.NewGooseDir(sqliteFolder)
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
	defer func() { err = errors.Join(err, os.Remove(filepath.Join(sqliteFolder, atlas.HashFileName))) }()
	differ, err := schema.NewMigrate(entsql.OpenDB(dialect.SQLite, db),
		schema.WithDir(dir),
		schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithDialect(dialect.SQLite),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
		schema.WithIndent("  "))
	if err != nil {
		return err
	}
	return differ.NamedDiff(ctx, name, migrate.Tables...)
}
