package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/cli"
	"authserve/ports"
)

// backups records what the commands of backups asked for.
type backups struct {
	config  cli.Config
	action  string
	path    string
	options ports.RestoreOptions
	kept    string
	err     error
}

func (b *backups) run(t *testing.T, args ...string) result {
	t.Helper()
	snapshot := ports.Snapshot{Bytes: 4096, SchemaVersion: 20260101000000, Accounts: 3, Sessions: 2, AuditEvents: 5}
	note := func(action string) func(context.Context, cli.Config, string) (ports.Snapshot, error) {
		return func(_ context.Context, c cli.Config, path string) (ports.Snapshot, error) {
			b.config, b.action, b.path = c, action, path
			return snapshot, b.err
		}
	}
	actions := (&calls{}).actions()
	actions.CreateBackup, actions.VerifyBackup = note("create"), note("verify")
	actions.RestoreBackup = func(_ context.Context, c cli.Config, path string, o ports.RestoreOptions) (ports.Restored, error) {
		b.config, b.action, b.path, b.options = c, "restore", path, o
		restored := ports.Restored{Snapshot: snapshot, Database: "/data/authserve.db", Kept: b.kept, SessionsEnded: 2}
		if o.KeepSessions {
			restored.SessionsEnded = 0
			restored.Migrated = []ports.Migration{{Version: 2, Name: "more", AppliedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
		}
		return restored, b.err
	}
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), actions, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, append([]string{"backup"}, args...))
	return result{code, stdout.String(), stderr.String()}
}

func TestBackupCommands(t *testing.T) {
	t.Parallel()
	const contents = "4096 bytes, schema 20260101000000, 3 accounts, 2 live sessions, 5 audit events"
	cases := []struct {
		args    string
		kept    string
		options ports.RestoreOptions
		out     string
	}{
		{"create /b/x.db", "", ports.RestoreOptions{}, "Wrote /b/x.db: " + contents + ".\n"},
		{"verify /b/x.db", "", ports.RestoreOptions{}, "Verified /b/x.db: " + contents + ".\n"},
		{
			"restore /b/x.db", "",
			ports.RestoreOptions{},
			"Restored /b/x.db to /data/authserve.db: " + contents + ".\nEnded its 2 live sessions.\n",
		},
		{
			"restore --replace --keep-sessions /b/x.db", "/data/authserve.db.replaced-1",
			ports.RestoreOptions{Replace: true, KeepSessions: true},
			"Restored /b/x.db to /data/authserve.db: " + contents + ".\nApplied 1 migrations that it lacked.\nKept its sessions.\nThe database before is now /data/authserve.db.replaced-1.\n",
		},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			b := &backups{kept: c.kept}
			got := b.run(t, strings.Fields(c.args+" --http-addr :1")...)
			if got.code != cli.ExitOK || got.out != c.out || got.err != "" {
				t.Errorf("exit %d, %q, %q; want 0 and %q", got.code, got.out, got.err, c.out)
			}
			if action, _, _ := strings.Cut(c.args, " "); b.action != action || b.path != "/b/x.db" || b.options != c.options || b.config.Flags["http-addr"] != ":1" {
				t.Errorf("asked for %+v", b)
			}
		})
	}
}

// TestReplacingNothingWarns: whoever gave --replace believes that there is a database.
func TestReplacingNothingWarns(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]bool{"--replace": true, "--replace --json": true, "--json": false} {
		got := (&backups{}).run(t, strings.Fields("restore /b/x.db "+args)...)
		if got.code != cli.ExitOK || got.out == "" || strings.Contains(got.err, "no database /data/authserve.db to replace") != want {
			t.Errorf("%s: exit %d, %q; want a warning: %v", args, got.code, got.err, want)
		}
	}
}

func TestBackupCommandsMakePathsAbsolute(t *testing.T) {
	t.Parallel()
	want, err := filepath.Abs("x.db")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"create", "verify", "restore"} {
		b := &backups{}
		if got := b.run(t, action, "x.db"); got.code != cli.ExitOK || b.path != want {
			t.Errorf("%s: exit %d for %q, want %q", action, got.code, b.path, want)
		}
	}
}

func TestBackupCommandsAsJSON(t *testing.T) {
	t.Parallel()
	snapshot := map[string]any{
		"path": "/b/x.db", "bytes": 4096.0, "schema_version": 20260101000000.0, "accounts": 3.0, "sessions": 2.0, "audit_events": 5.0,
	}
	for _, c := range []struct {
		args string
		kept string
		want any
	}{
		{"create --json /b/x.db", "", snapshot},
		{"verify --json /b/x.db", "", snapshot},
		{"restore --json /b/x.db", "", map[string]any{
			"snapshot": snapshot, "database": "/data/authserve.db", "kept": nil, "sessions_ended": 2.0, "migrated": []any{},
		}},
		{"restore --json --replace /b/x.db", "/data/old", map[string]any{
			"snapshot": snapshot, "database": "/data/authserve.db", "kept": "/data/old", "sessions_ended": 2.0, "migrated": []any{},
		}},
	} {
		got := (&backups{kept: c.kept}).run(t, strings.Fields(c.args)...)
		want, err := json.Marshal(c.want)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal([]byte(got.out), &value); err != nil {
			t.Fatalf("%s: %v in %q", c.args, err, got.out)
		}
		if out, err := json.Marshal(value); err != nil || string(out) != string(want) {
			t.Errorf("%s printed %s, want %s", c.args, out, want)
		}
	}
}

func TestBackupCommandsThatFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		err  error
		code int
		want string
	}{
		{"", nil, cli.ExitUsage, "needs a command"},
		{"create", nil, cli.ExitUsage, "accepts 1 arg"},
		{"verify a b", nil, cli.ExitUsage, "accepts 1 arg"},
		{"create --replace x", nil, cli.ExitUsage, "unknown flag: --replace"},
		{"create /b/x.db", ports.ErrSnapshotFailed.Wrap(errors.New("no space left on device")), cli.ExitFailure, "could not be made.\n  cause: no space left on device\n"},
		{"create /b/x.db", ports.ErrSnapshotExists.Wrap(errors.New("create /b/x.db: file exists")), cli.ExitFailure, "/b/x.db: file exists"},
		{"verify --json /b/x.db", ports.ErrSnapshotUnusable.Wrap(errors.New("page 7 is never used")), cli.ExitFailure, "page 7"},
		{"restore /b/x.db", ports.ErrUnsupported.Wrap(errors.New("use pg_dump")), cli.ExitFailure, "use pg_dump"},
		{"restore /b/x.db", ports.ErrDatabaseExists.Wrap(errors.New("restore /data/a.db: file exists")), cli.ExitFailure, "a database already.\n  cause: restore /data/a.db: file exists; nothing was done: with --replace it is kept"},
		{"restore /b/x.db", context.Canceled, cli.ExitFailure, "interrupted"},
	} {
		got := (&backups{err: c.err}).run(t, strings.Fields(c.args)...)
		if got.code != c.code || !strings.Contains(got.err, c.want) || got.out != "" {
			t.Errorf("%q: exit %d, %q, %q; want %d and %q", c.args, got.code, got.out, got.err, c.code, c.want)
		}
	}
	if got := (&backups{}).run(t, "restore", ""); got.code != cli.ExitUsage || !strings.Contains(got.err, "PATH") {
		t.Errorf("an empty path: exit %d, %q", got.code, got.err)
	}
}
