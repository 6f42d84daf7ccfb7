package bootstrap_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the database as somebody else changes it

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap"
	"authserve/ports"
)

func byName(checks []cli.Check) map[string]cli.Check {
	found := map[string]cli.Check{}
	for _, c := range checks {
		found[c.Name] = c
	}
	return found
}

func wantCheck(t *testing.T, checks map[string]cli.Check, name string, status cli.CheckStatus, parts ...string) {
	t.Helper()
	c, ok := checks[name]
	text := c.Summary + "\n" + strings.Join(c.Facts, "\n") + "\n" + c.Advice
	if !ok || c.Status != status {
		t.Errorf("%s is %q (%s), want %q", name, c.Status, text, status)
	}
	if (c.Advice == "") != (status == cli.CheckOK) {
		t.Errorf("%s is %q with the advice %q", name, c.Status, c.Advice)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s says\n%s\nwant %q in it", name, text, part)
		}
	}
}

func TestMigrateDoctorOnSQLite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	file := writeConfig(t, "data_dir: "+dir+"\n")
	look := func() map[string]cli.Check { return byName(bootstrap.MigrateDoctor(t.Context(), file)) }

	wantCheck(t, look(), "database", cli.CheckWarn, "not there yet")
	path := filepath.Join(dir, "authserve.db")
	m, err := entstore.NewMigrator(entstore.Config{URL: "sqlite://" + path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"database", "migrations", "versions", "interrupted", "drift", "lock"} {
		wantCheck(t, look(), name, cli.CheckOK)
	}

	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	exec := func(query string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE INDEX planted ON sessions (ip)")
	wantCheck(t, look(), "drift", cli.CheckFail, "planted", "on a copy first")
	exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, 1)")
	checks := look()
	wantCheck(t, checks, "versions", cli.CheckFail, "99990101000000", "newer program's `authserve migrate down`")
	wantCheck(t, checks, "drift", cli.CheckWarn, "not looked at")
	exec("DELETE FROM goose_db_version WHERE version_id > 0")
	wantCheck(t, look(), "versions", cli.CheckWarn, "Pending: ", "authserve migrate plan")
	exec("DROP TABLE goose_db_version")
	wantCheck(t, look(), "versions", cli.CheckWarn, "Pending: ")
}

// TestMigrateDoctorWords: what SQLite cannot have.
func TestMigrateDoctorWords(t *testing.T) {
	t.Parallel()
	step := ports.Migration{Version: 2, Name: "more"}
	for name, c := range map[string]struct {
		found  entstore.Examination
		check  string
		status cli.CheckStatus
		want   string
	}{
		"changed files":    {entstore.Examination{Files: errors.New("not those")}, "migrations", cli.CheckFail, "not those"},
		"another branch":   {entstore.Examination{Unknown: []int64{7}}, "versions", cli.CheckFail, "[7]"},
		"a gap":            {entstore.Examination{Gaps: []ports.Migration{step}, Pending: []ports.Migration{step}}, "versions", cli.CheckFail, "2 (more)"},
		"one step":         {entstore.Examination{Pending: []ports.Migration{step}}, "versions", cli.CheckWarn, "1 migration is pending"},
		"two steps":        {entstore.Examination{Pending: []ports.Migration{step, step}}, "versions", cli.CheckWarn, "2 migrations are pending"},
		"interrupted up":   {entstore.Examination{Interrupted: &entstore.Interrupted{Version: 2, Up: true}}, "interrupted", cli.CheckFail, "migration 2 was begun to be applied"},
		"interrupted down": {entstore.Examination{Interrupted: &entstore.Interrupted{Version: 2}}, "interrupted", cli.CheckFail, "migration 2 was begun to be reverted"},
		"under way":        {entstore.Examination{Interrupted: &entstore.Interrupted{Version: 2}, Holder: "connection 9"}, "interrupted", cli.CheckWarn, "is being reverted now"},
		"held":             {entstore.Examination{Holder: "connection 9"}, "lock", cli.CheckWarn, "held by connection 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCheck(t, byName(bootstrap.SchemaChecks(c.found)), c.check, c.status, c.want)
		})
	}
}

func TestMigrateDoctorNamesAFault(t *testing.T) {
	t.Parallel()
	wantFail := func(content, check, part string) {
		t.Helper()
		checks := byName(bootstrap.MigrateDoctor(t.Context(), writeConfig(t, content)))
		if c := checks[check]; c.Status != cli.CheckFail || !strings.Contains(strings.Join(c.Facts, "\n"), part) {
			t.Errorf("%s: got %+v, want a failure with %q", content, checks, part)
		}
	}
	wantFail("nonsense: 1\n", "configuration", "nonsense")
	wantFail("data_dir: "+t.TempDir()+"\ndatabase:\n  url: mysql://u:open-sesame@127.0.0.1:1/db\n", "database", "127.0.0.1:1")
}
