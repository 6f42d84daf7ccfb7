package e2e_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// statementsOf are those of each block of SQL in a section of a document.
func statementsOf(t *testing.T, document, heading string) (blocks [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(harness.SpecPath()), "..", document))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(section, -1) {
		var statements []string
		for _, statement := range strings.Split(block[1], ";") {
			if statement = strings.TrimSpace(statement); statement != "" {
				statements = append(statements, statement)
			}
		}
		blocks = append(blocks, statements)
	}
	return blocks
}

// roles are those of the howto.
type roles struct{ migrate, service string } // URLs

// grantRights does what docs/howto/databases.md says, with another name than authserve.
func grantRights(t *testing.T, server *dbtest.Server) roles {
	t.Helper()
	const name, password = "rights", "only-for-rights"
	admin := server.URL(t)
	here, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	there := *here
	there.Path = "/" + name
	blocks := statementsOf(t, "howto/databases.md", "Least rights")
	if len(blocks) != 3 {
		t.Fatalf("the howto has %d blocks of SQL; want two for PostgreSQL and one for MySQL", len(blocks))
	}
	db := openURL(t, admin)
	run := func(db *sql.DB, statements ...string) {
		t.Helper()
		for _, statement := range statements {
			statement = strings.NewReplacer("authserve", name, "…", password).Replace(statement)
			if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	if server == servers.Postgres {
		run(db, blocks[0]...)
		t.Cleanup(func() {
			run(db, "DROP DATABASE authserve WITH (FORCE)", "DROP ROLE authserve_migrate", "DROP ROLE authserve_service")
		})
		inside := openURL(t, there.String())
		run(inside, blocks[1]...)
	} else {
		run(db, blocks[2]...)
		t.Cleanup(func() {
			run(db, "DROP DATABASE authserve", "DROP USER authserve_migrate", "DROP USER authserve_service")
		})
	}
	as := func(role string) string {
		u := there
		u.User = url.UserPassword(name+role, password)
		return u.String()
	}
	return roles{migrate: as("_migrate"), service: as("_service")}
}

func TestRightsOfTheHowtoSuffice(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, server *dbtest.Server) {
		given := grantRights(t, server)
		denied, missing := []string{"1142", "CREATE command denied"}, []string{"1142", "command denied"}
		if server == servers.Postgres {
			denied, missing = []string{"42501", "permission denied for schema public"}, []string{"42501", "must be owner of"}
		}
		dir := t.TempDir()
		run := func(database string, wantCode int, wantAll []string, args ...string) string {
			t.Helper()
			stdout, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_DATABASE_URL="+database), harness.Password, args...)
			if err != nil || code != wantCode {
				t.Errorf("%v: exit %d, %v; want %d\n%s%s", args, code, err, wantCode, stdout, stderr)
			}
			for _, want := range wantAll {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("%v says\n%s%s\nwant a word about %q", args, stdout, stderr, want)
				}
			}
			noSecret(t, database, stdout+stderr)
			return stdout
		}

		// Before the first migration.
		run(given.service, 0, []string{"pending", "initial"}, "migrate", "status")
		run(given.service, 0, []string{"CREATE TABLE", "sessions"}, "migrate", "plan")
		run(given.service, 0, []string{"pending"}, "migrate", "doctor")
		run(given.service, 1, []string{"lacks migration", "authserve migrate up"}, "serve", "--database-migrate", "check")
		owner := openURL(t, given.migrate)
		tables := "SELECT count(*) FROM information_schema.tables WHERE table_schema IN (DATABASE())"
		if server == servers.Postgres {
			tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
		}
		if n := number(t, owner, tables); n != 0 {
			t.Errorf("whoever only looked made %d tables", n)
		}
		run(given.service, 1, denied, "migrate", "up")
		run(given.service, 1, denied, "serve") // and does not wait for somebody to give it the right

		run(given.migrate, 0, []string{"initial"}, "migrate", "up")

		// Afterwards.
		if out := run(given.service, 0, []string{"initial"}, "migrate", "status"); strings.Contains(out, "pending") {
			t.Errorf("status after the migration:\n%s", out)
		}
		if out := run(given.service, 0, nil, "migrate", "plan"); strings.Contains(out, "CREATE") {
			t.Errorf("the plan after the migration:\n%s", out)
		}
		run(given.service, 0, []string{"the schema is what this program was built for"}, "migrate", "doctor")
		run(given.service, 0, nil, "migrate", "up")
		run(given.service, 1, missing, "migrate", "down")
		run(given.service, 0, nil, "user", "create", "--email", "root@example.com", "--role", "admin", "--password-stdin")
		run(given.service, 0, nil, "export", "--output", filepath.Join(dir, "all.export"))
		stranger := openURL(t, given.service)
		for _, statement := range []string{"CREATE TABLE planted (a int)", "DROP TABLE guards", "ALTER TABLE guards ADD COLUMN planted int", "CREATE INDEX planted ON messages (kind)"} {
			if _, err := stranger.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("the role of the service may: %s", statement)
			}
		}
		for _, mode := range []string{"check", "auto"} {
			p := start(t, "AUTHSERVE_DATABASE_URL="+given.service, "AUTHSERVE_DATABASE_MIGRATE="+mode, "AUTHSERVE_CACHE_TTL=0",
				"AUTHSERVE_ISSUER=http://127.0.0.1:8080", "AUTHSERVE_MASTER_KEY="+masterKey(t))
			c := newCaller(t, p.HTTP)
			tour(t, c, c, c, mode+"@example.com")
			await(t, func() bool { return get(t, p.Ops, "/readyz").Status == http.StatusOK })
			if strings.Contains(p.Log(), "denied") {
				t.Errorf("the service misses a right:\n%s", p.Log())
			}
		}
	})
}
