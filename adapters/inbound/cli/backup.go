package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"authserve/core/domain"
	"authserve/ports"
)

func backupCommand(a Actions, given *Config) *cobra.Command {
	backup := group(&cobra.Command{
		Use:   "backup",
		Short: "Make, verify and restore snapshots of an SQLite database",
		Long: `Make, verify and restore snapshots of an SQLite database. PostgreSQL and MySQL have
tools of their own for that.

A snapshot holds everything but the master key, without which it is of little use:
keep that in another safe place.

The exit code is 0 when it was done, 1 when it was not, and 2 when the call makes no
sense.`,
	})
	backup.AddCommand(
		snapshotCommand("create", "Write a verified snapshot into a new file", `Write everything that is committed now into the new file PATH, and verify it. It works
while the service runs and writes. PATH appears when all of it is verified and on the
disk, readable by its owner alone; a file that is there is never overwritten.

The exit code is 1 when there is no snapshot, and then nothing is left behind.`, "Wrote", a.CreateBackup, given),
		snapshotCommand("verify", "Read a whole snapshot and tell what is wrong with it", `Read all of the snapshot PATH: that SQLite finds it whole, that every row refers to rows
that exist, and that this program knows its schema. It changes nothing.

The exit code is 1 when the snapshot cannot be used.`, "Verified", a.VerifyBackup, given),
		restoreCommand(a, given),
	)
	return backup
}

func snapshotCommand(name, short, long, done string, run func(context.Context, Config, string) (ports.Snapshot, error), given *Config) *cobra.Command {
	return resultCommand(&cobra.Command{
		Use:     name + " PATH",
		Short:   short,
		Long:    long,
		Example: "  authserve backup " + name + " /backup/authserve-2026-11-23.db",
		Args:    cobra.ExactArgs(1),
	}, func(c *cobra.Command, args []string) (at snapshotAt, err error) {
		if at.path, err = absolute(args[0]); err != nil {
			return at, err
		}
		at.Snapshot, err = run(c.Context(), *given, at.path)
		return at, err
	}, func(at snapshotAt) any {
		return newSnapshotJSON(at.path, at.Snapshot)
	}, func(w io.Writer, at snapshotAt) error {
		_, err := fmt.Fprintf(w, "%s %s: %s.\n", done, at.path, contents(at.Snapshot))
		return err
	})
}

// snapshotAt is a snapshot and its file.
type snapshotAt struct {
	ports.Snapshot
	path string
}

func restoreCommand(a Actions, given *Config) *cobra.Command {
	var options ports.RestoreOptions
	c := &cobra.Command{
		Use:   "restore PATH",
		Short: "Make a snapshot the database",
		Long: `Make the snapshot PATH the configured database. Stop the service first: a database that
is in use is refused, and so is a snapshot with a fault. All work is done on a copy,
which then takes the name of the database in one step; PATH stays as it is.

Where there is a database, --replace keeps it beside the new one, with the time in
its name. Without it the restore is refused. With it, but where there is none, standard
error has a warning: it may be the wrong data directory.

All sessions end, since some may have been ended after the snapshot was made, after a
theft for example. --keep-sessions lets them live.

The exit code is 1 when nothing was restored.`,
		Example: `  authserve backup restore /backup/authserve-2026-11-23.db
  authserve backup restore --replace --json /backup/authserve-2026-11-23.db`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&options.Replace, "replace", false, "keep a database that is there under another name")
	c.Flags().BoolVar(&options.KeepSessions, "keep-sessions", false, "do not end the sessions of the snapshot")
	return resultCommand(c, func(c *cobra.Command, args []string) (from restoredFrom, err error) {
		if from.path, err = absolute(args[0]); err != nil {
			return from, err
		}
		from.Restored, err = a.RestoreBackup(c.Context(), *given, from.path, options)
		if err == nil && options.Replace && from.Kept == "" {
			_, err = fmt.Fprintf(c.ErrOrStderr(), "warning: there was no database %s to replace: is it the right data directory?\n", from.Database)
		}
		return from, offerReplace(err)
	}, func(from restoredFrom) any {
		return newRestoredJSON(from.path, from.Restored)
	}, func(w io.Writer, from restoredFrom) error {
		return writeRestored(w, from.path, from.Restored, options)
	})
}

// restoredFrom is what was restored, and its file.
type restoredFrom struct {
	ports.Restored
	path string
}

// offerReplace names the flag to whom a database is in the way.
func offerReplace(err error) error {
	var refused *domain.Error
	if !errors.Is(err, ports.ErrDatabaseExists) || !errors.As(err, &refused) {
		return err
	}
	return refused.Wrap(fmt.Errorf("%w; nothing was done: with --replace it is kept under another name", refused.Unwrap()))
}

// absolute is the path as it can be told in a log and used from elsewhere.
func absolute(path string) (string, error) {
	if path == "" {
		return "", usagef("PATH must not be empty")
	}
	return filepath.Abs(path)
}

func contents(s ports.Snapshot) string {
	return fmt.Sprintf("%d bytes, schema %d, %d accounts, %d live sessions, %d audit events", s.Bytes, s.SchemaVersion, s.Accounts, s.Sessions, s.AuditEvents)
}

func writeRestored(w io.Writer, path string, r ports.Restored, o ports.RestoreOptions) error {
	lines := []string{fmt.Sprintf("Restored %s to %s: %s.", path, r.Database, contents(r.Snapshot))}
	if len(r.Migrated) > 0 {
		lines = append(lines, fmt.Sprintf("Applied %d migrations that it lacked.", len(r.Migrated)))
	}
	if o.KeepSessions {
		lines = append(lines, "Kept its sessions.")
	} else {
		lines = append(lines, fmt.Sprintf("Ended its %d live sessions.", r.SessionsEnded))
	}
	if r.Kept != "" {
		lines = append(lines, fmt.Sprintf("The database before is now %s.", r.Kept))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

type snapshotJSON struct {
	Path          string `json:"path"`
	Bytes         int64  `json:"bytes"`
	SchemaVersion int64  `json:"schema_version"`
	Accounts      int64  `json:"accounts"`
	Sessions      int64  `json:"sessions"`
	AuditEvents   int64  `json:"audit_events"`
}

func newSnapshotJSON(path string, s ports.Snapshot) snapshotJSON {
	return snapshotJSON{path, s.Bytes, s.SchemaVersion, s.Accounts, s.Sessions, s.AuditEvents}
}

type restoredJSON struct {
	Snapshot      snapshotJSON    `json:"snapshot"`
	Database      string          `json:"database"`
	Kept          *string         `json:"kept"` // null: there was no database
	SessionsEnded int             `json:"sessions_ended"`
	Migrated      []migrationJSON `json:"migrated"`
}

func newRestoredJSON(path string, r ports.Restored) restoredJSON {
	out := restoredJSON{
		Snapshot: newSnapshotJSON(path, r.Snapshot), Database: r.Database,
		SessionsEnded: r.SessionsEnded, Migrated: migrationsJSON(r.Migrated),
	}
	if r.Kept != "" {
		out.Kept = &r.Kept
	}
	return out
}
