package entstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/ports"
)

// everyDatabase runs a test on each kind of database. fresh makes an empty one.
func everyDatabase(t *testing.T, test func(t *testing.T, fresh func(*testing.T) entstore.Config)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) entstore.Config { t.Helper(); return config(t) })
	})
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		test(t, func(t *testing.T) entstore.Config { t.Helper(); return entstore.Config{URL: server.URL(t)} })
	})
}

// onEachMySQL is onEachServer for those without transactions for a schema.
func onEachMySQL(t *testing.T, test func(t *testing.T, server *dbtest.Server)) {
	t.Helper()
	onServers(t, []*dbtest.Server{servers.MariaDB, servers.MySQL}, test)
}

func migrated(t *testing.T, cfg entstore.Config) *entstore.Migrator {
	t.Helper()
	m := newMigrator(t, cfg)
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatalf("Up: %v", err)
	}
	return m
}

// schemaText is the same for the same schema.
func schemaText(t *testing.T, m *entstore.Migrator) string {
	t.Helper()
	db := migrationDB(t, m)
	switch m.Dialect() {
	case dialect.SQLite:
		return strings.Join(objects(t, db), "\n")
	case dialect.MySQL:
		text, err := entstore.MySQLSchema(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		return text
	default:
		return strings.Join(texts(t, db, `
			SELECT concat_ws(' ', table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, collation_name)
			FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'goose_db_version'
			UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
				WHERE connamespace = current_schema()::regnamespace AND conrelid <> 'goose_db_version'::regclass
			ORDER BY 1`), "\n")
	}
}

func execAll(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, query := range queries {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}

func TestUpDownUpOnEveryDatabase(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		m := migrated(t, fresh(t))
		known, before := complete(t, m), schemaText(t, m)
		for range known {
			if reverted, err := m.Down(t.Context()); err != nil || len(reverted) != 1 {
				t.Fatalf("Down = %v, %v", reverted, err)
			}
		}
		if got := schemaText(t, m); got != "" {
			t.Errorf("after every Down there is\n%s", got)
		}
		if reverted, err := m.Down(t.Context()); err != nil || len(reverted) != 0 {
			t.Errorf("Down at the start = %v, %v, want nothing", reverted, err)
		}
		plan, err := m.Plan(t.Context())
		if err != nil || len(plan) != len(known) {
			t.Errorf("Plan = %d steps, %v; want %d", len(plan), err, len(known))
		}
		applied, err := m.Up(t.Context())
		if err != nil || len(applied) != len(known) {
			t.Fatalf("Up = %v, %v, want %d steps", applied, err, len(known))
		}
		for i, step := range applied {
			if step.AppliedAt.IsZero() || plan[i].Version != step.Version || plan[i].Name != step.Name {
				t.Errorf("got step %+v, the plan said %+v", step, plan[i])
			}
		}
		complete(t, m)
		if got := schemaText(t, m); got != before {
			t.Errorf("up, down, up ends with\n%s\nwant\n%s", got, before)
		}
		if plan, err := m.Plan(t.Context()); err != nil || len(plan) != 0 {
			t.Errorf("Plan at the end = %v, %v, want nothing", plan, err)
		}
	})
}

func TestPlanDoesNothing(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		m := newMigrator(t, cfg)
		plan, err := m.Plan(t.Context())
		if err != nil || len(plan) == 0 {
			t.Fatalf("Plan = %v, %v", plan, err)
		}
		var all strings.Builder
		for _, step := range plan {
			all.WriteString(step.SQL)
		}
		if !strings.Contains(all.String(), "sessions") || strings.Contains(all.String(), "DROP TABLE") || strings.Contains(all.String(), "+goose") {
			t.Errorf("the plan is\n%s\nwant what makes the tables, and only that", all.String())
		}
		if x, err := m.Examine(t.Context()); err != nil || len(x.Pending) != len(plan) && !x.Absent {
			t.Errorf("Examine after Plan = %+v, %v", x, err)
		}
	})
}

func TestDriftIsSeenOnEveryDatabase(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		for _, change := range []string{
			"ALTER TABLE sessions ADD COLUMN planted varchar(10)", "CREATE INDEX planted ON messages (kind)", "DROP TABLE guards",
		} {
			m := migrated(t, fresh(t))
			execAll(t, migrationDB(t, m), change)
			if x, err := m.Examine(t.Context()); err != nil || x.Drift == "" {
				t.Errorf("%s: Examine = %+v, %v; want the drift", change, x, err)
			}
		}
	})
}

func TestTenMigratorsApplyEachStepOnce(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		together := newMeeting(10)
		eachStepOnce(t, cfg, func() (applied []int64) {
			m := newMigrator(t, cfg)
			if m.Dialect() != dialect.SQLite { // there the lock comes before the connection
				m = m.Through(func(db *sql.DB) *sql.DB { return through(db, &attendee{meeting: together}) })
			}
			steps, err := m.Up(t.Context())
			if err != nil {
				t.Errorf("Up: %v", err)
			}
			for _, step := range steps {
				applied = append(applied, step.Version)
			}
			return applied
		})
	})
}

// eachStepOnce calls up ten times at once, which together are to apply each step once.
func eachStepOnce(t *testing.T, cfg entstore.Config, up func() (applied []int64)) {
	t.Helper()
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		applied []int64
	)
	for range 10 {
		all.Go(func() {
			steps := up()
			mu.Lock()
			defer mu.Unlock()
			applied = append(applied, steps...)
		})
	}
	all.Wait()
	if known := complete(t, newMigrator(t, cfg)); len(applied) != len(known) {
		t.Errorf("the steps %v were applied, want each of %v once", applied, known)
	}
}

// meeting lets nobody go on before all are there.
type meeting struct {
	all   sync.WaitGroup
	begun chan struct{}
}

func newMeeting(n int) *meeting {
	m := &meeting{begun: make(chan struct{})}
	m.all.Add(n)
	go func() { m.all.Wait(); close(m.begun) }()
	return m
}

// attendee is a spy that waits for the meeting before its first call.
type attendee struct {
	meeting *meeting
	once    sync.Once
}

func (a *attendee) call(_ string, _ []driver.NamedValue, do func() error) error {
	a.once.Do(func() {
		a.meeting.all.Done()
		<-a.meeting.begun
	})
	return do()
}

func TestNewerSchemaIsRefusedByEveryDatabase(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		m := migrated(t, fresh(t))
		execAll(t, migrationDB(t, m), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, "+truth(m)+")")
		before := schemaText(t, m)
		calls := map[string]func(context.Context) error{
			"Up":     func(ctx context.Context) error { _, err := m.Up(ctx); return err },
			"Down":   func(ctx context.Context) error { _, err := m.Down(ctx); return err },
			"Status": func(ctx context.Context) error { _, err := m.Status(ctx); return err },
			"Plan":   func(ctx context.Context) error { _, err := m.Plan(ctx); return err },
		}
		for name, call := range calls {
			err := call(t.Context())
			if !errors.Is(err, entstore.ErrSchemaNewer) || !strings.Contains(err.Error(), "the database is at version 99990101000000, this program knows up to") {
				t.Errorf("%s = %v, want %v and both versions", name, err, entstore.ErrSchemaNewer)
			}
		}
		if got := schemaText(t, m); got != before {
			t.Error("a refused migration changed the schema")
		}
		if x, err := m.Examine(t.Context()); err != nil || !slices.Equal(x.Newer, []int64{99990101000000}) {
			t.Errorf("Examine = %+v, %v; want the newer version", x, err)
		}
	})
}

func truth(m *entstore.Migrator) string {
	if m.Dialect() == dialect.SQLite {
		return "1"
	}
	return "true"
}

func TestExamineFindsGapsAndStrangers(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		m := migrated(t, fresh(t))
		db := migrationDB(t, m)
		execAll(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (20000101000000, "+truth(m)+")")
		if x, err := m.Examine(t.Context()); err != nil || !slices.Equal(x.Unknown, []int64{20000101000000}) || len(x.Newer) > 0 {
			t.Errorf("Examine = %+v, %v; want the unknown version", x, err)
		}
		known, err := m.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(known) < 2 {
			return // one step leaves no gap
		}
		execAll(t, db, fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id = %d", known[0].Version))
		if x, err := m.Examine(t.Context()); err != nil || len(x.Gaps) != 1 || x.Gaps[0].Version != known[0].Version {
			t.Errorf("Examine = %+v, %v; want the gap", x, err)
		}
	})
}

func TestExamineSaysWhoMigrates(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		m := migrated(t, fresh(t))
		unlock, err := m.HoldLock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		x, err := m.Examine(t.Context()) // without waiting
		if err != nil || !strings.ContainsAny(x.Holder, "0123456789") {
			t.Errorf("Examine = %+v, %v; want the holder of the lock with its number", x, err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		complete(t, m)
	})
}

// TestFaultsAreNamedWithoutTheSecret: what is wrong stands in the error, the password
// does not.
func TestFaultsAreNamedWithoutTheSecret(t *testing.T) {
	t.Parallel()
	const secret = "open-sesame"
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			good, err := url.Parse(server.URL(t))
			if err != nil {
				t.Fatal(err)
			}
			closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := closed.Close(); err != nil {
				t.Fatal(err)
			}
			password, _ := good.User.Password()
			for name, c := range map[string]struct {
				change func(*url.URL)
				want   []string // one of them
			}{
				"wrong password":   {func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }, []string{"password authentication failed", "Access denied"}},
				"unknown database": {func(u *url.URL) { u.Path = "/nowhere" }, []string{`database "nowhere" does not exist`, "Unknown database 'nowhere'"}},
				"unreachable host": {func(u *url.URL) { u.Host = closed.Addr().String() }, []string{"connection refused"}},
			} {
				bad := *good
				c.change(&bad)
				m := newMigrator(t, entstore.Config{URL: bad.String()})
				for call, run := range map[string]func() error{
					"Up":      func() error { _, err := m.Up(t.Context()); return err },
					"Examine": func() error { _, err := m.Examine(t.Context()); return err },
				} {
					err := run()
					if !errors.Is(err, ports.ErrUnavailable) || !slices.ContainsFunc(c.want, func(part string) bool { return strings.Contains(err.Error(), part) }) {
						t.Errorf("%s: %s = %v, want one of %q", name, call, err, c.want)
						continue
					}
					if text := err.Error(); strings.Contains(text, secret) || strings.Contains(text, password) || !strings.Contains(text, "the database "+bad.Path[1:]) {
						t.Errorf("%s: %s = %q: it must name the database and not the password", name, call, text)
					}
				}
			}
		})
	}
}
