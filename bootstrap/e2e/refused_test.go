package e2e_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// TestAMigrationThatIsRefusedEndsTheStart: the database is another program's, which has
// a table of the same name. To wait would mend nothing.
func TestAMigrationThatIsRefusedEndsTheStart(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, db *sql.DB, database string) {
		t.Helper()
		for _, statement := range []string{"CREATE TABLE accounts (balance int)", "INSERT INTO accounts (balance) VALUES (7)"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		dir := t.TempDir()
		for range 2 { // the first leaves nothing that the second would trust
			stdout, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_DATABASE_URL="+database), "", "serve")
			if err != nil || code != 1 || strings.Contains(stdout, "not ready") {
				t.Errorf("exit %d, %v; want 1 at once\n%s%s", code, err, stdout, stderr)
			}
			for _, want := range []string{"Trying again does not help", "migration 2026", "accounts", "already exists"} {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q lacks %q", stderr, want)
				}
			}
		}
		if n := number(t, db, "SELECT balance FROM accounts"); n != 7 {
			t.Errorf("the other program's row is %d; want it as it was", n)
		}
	}
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			database := server.URL(t)
			refused(t, openURL(t, database), database)
		})
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "others.db")
		db, err := sql.Open("sqlite3", "file:"+file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		refused(t, db, "sqlite://"+file)
	})
}
