package entstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/core/domain"
	"authserve/ports"
)

const (
	manyAccounts = 1_000_000
	// pageRows is how many rows a call asks for here, and mostRows how many a statement
	// may look at for them: each may be found in an index and fetched, and a purge looks in
	// two indexes.
	pageRows, mostRows = 10, 100
)

// harmless are the statements that may look at more than mostRows rows, by how they
// begin and where they end, each with the reason.
func harmless() []struct{ begin, end, why string } {
	const everything = "an owner's question for everything: sorts the sessions of one account"
	return []struct{ begin, end, why string }{
		{"DELETE FROM", "WHERE FALSE", "what is always false is examined before any row"},
		{"SELECT credentials.settings, COUNT(*)", "", "counts all hashes: one index from end to end, when a process starts and then by the hour"},
		{"SELECT audit_events.id,", "audit_events.subject = ? AND audit_events.action = ?", "an administrator's question: at most the events of one subject. With an index of its own, PostgreSQL and MariaDB take the subject's all the same"},
		{"SELECT sessions.id,", "WHERE sessions.account_id = ? ORDER BY sessions.created_at", everything},
		{"SELECT sessions.id,", "WHERE (sessions.account_id = ? AND sessions.created_at <= ?)", everything},
	}
}

// excused says why a statement may look at many rows; empty: it may not.
func excused(query string) string {
	query = plain(query)
	for _, h := range harmless() {
		if strings.HasPrefix(query, h.begin) && strings.Contains(query, h.end) {
			return h.why
		}
	}
	return ""
}

// plain is a statement without what differs between databases.
func plain(query string) string {
	query = strings.NewReplacer("`", "", `"`, "").Replace(query)
	return placeholder.ReplaceAllString(query, "?")
}

// smallTable reports that a table has a handful of rows, whatever the number of users.
func smallTable(name string) bool {
	return slices.Contains([]string{"signing_keys", "guards", "audit_heads"}, name)
}

// finding is how a database runs a statement.
type finding struct {
	plan   string
	faults []string // why it will not do
}

// explainer asks a kind of database. It runs the statement, or does what leaves the
// transaction as if.
type explainer func(ctx context.Context, tx *sql.Tx, s said) (finding, error)

// TestNoQueryScans lists every statement of the store with its plan on a database of a
// million users (-v shows the list): none may read a table from end to end, sort more
// than a page, or look at rows in numbers that grow with the database.
func TestNoQueryScans(t *testing.T) {
	t.Parallel()
	databases := []struct {
		name    string
		server  *dbtest.Server // nil: SQLite
		explain explainer
	}{
		{"SQLite", nil, explainSQLite},
		{servers.Postgres.Name(), servers.Postgres, explainPostgres},
		{servers.MariaDB.Name(), servers.MariaDB, explainMySQL},
		{servers.MySQL.Name(), servers.MySQL, explainMySQL},
	}
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			store, url, filled := filledStore(t, d.server)
			statements := heard(t, store, filled)
			asked := openEmpty(t, entstore.Config{URL: url}).Writer()
			findings := explained(t, asked, d.explain, statements)
			const fewest = 50 // what a count showed; fewer means that the list misses some
			if len(findings) < fewest {
				t.Errorf("only %d statements were seen, want at least %d", len(findings), fewest)
			}
			for _, query := range slices.Sorted(maps.Keys(findings)) {
				f, why := findings[query], excused(query)
				t.Logf("%s\n  -> %s %s", shortened(query), f.plan, why)
				for _, fault := range f.faults {
					if why == "" {
						t.Errorf("%s\n\t%s", fault, query)
					}
				}
			}
			for _, bad := range badStatements(filled) {
				for query, f := range explained(t, asked, d.explain, []said{bad}) {
					if len(f.faults) == 0 {
						t.Errorf("nothing was found wrong with %s: %s", query, f.plan)
					}
				}
			}
		})
	}
}

// badStatements must be noticed.
func badStatements(f dbtest.Filled) []said {
	return []said{
		{query: "SELECT id FROM accounts WHERE display_name = 'nobody'"},
		{query: "SELECT id, display_name FROM sessions JOIN accounts USING (id) WHERE sessions.user_agent = 'none'"},
		{query: "SELECT id FROM accounts ORDER BY display_name LIMIT 10"},
		{query: fmt.Sprintf("SELECT id FROM accounts WHERE email_canonical > '0' AND email_canonical < 'e' AND email_canonical >= '%s' "+
			"AND auth_generation = 2 ORDER BY email_canonical LIMIT 10", f.Email(1))},
	}
}

// filledStore opens a store of a million users that lives as long as t.
func filledStore(t *testing.T, server *dbtest.Server) (*entstore.Store, string, dbtest.Filled) {
	t.Helper()
	cfg := config(t)
	if server != nil {
		cfg.URL = server.Migrated(t)
	} else if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	filled, err := dbtest.Fill(t.Context(), cfg.URL, manyAccounts)
	if err != nil {
		t.Fatal(err)
	}
	store := openEmpty(t, cfg)
	if err := store.Optimize(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store, cfg.URL, filled
}

// explained asks for the plan of each statement, one after the other, in a transaction
// that is taken back.
func explained(t *testing.T, db *sql.DB, explain explainer, statements []said) map[string]finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	findings := map[string]finding{}
	for _, s := range statements {
		switch verb, _, _ := strings.Cut(s.query, " "); verb {
		case "SELECT", "INSERT", "UPDATE", "DELETE":
			f, err := explain(ctx, tx, s)
			switch {
			case err != nil && s.refused: // as was to be: a taken value
			case err != nil:
				t.Fatalf("%s: %v", s.query, err)
			case len(f.faults) > 0 || findings[s.query].plan == "":
				findings[s.query] = f
			}
		default: // savepoints
			if _, err := tx.ExecContext(ctx, s.query); err != nil {
				t.Fatalf("%s: %v", s.query, err)
			}
		}
	}
	return findings
}

// said is a statement as the driver got it.
type said struct {
	query   string
	args    []any
	refused bool
}

// listener is the spy that writes down.
type listener struct {
	mu   sync.Mutex
	said []said
}

func (l *listener) call(what string, args []driver.NamedValue, do func() error) error {
	err := do()
	if what == "BEGIN" || what == "COMMIT" || what == "ROLLBACK" {
		return err
	}
	s := said{query: what, refused: err != nil}
	for _, arg := range args {
		s.args = append(s.args, arg.Value)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, s)
	return err
}

// heard are all statements of the store, with arguments that find rows and with
// arguments that find none. What they wrote is taken back.
func heard(t *testing.T, store *entstore.Store, f dbtest.Filled) []said {
	t.Helper()
	var l listener
	store.Replace(func(db *sql.DB) *sql.DB { return through(db, &l) })
	errEnough := errors.New("enough")
	var failure error
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		everything(ctx, tx)
		everythingOnce(ctx, tx)
		failure = inUse(ctx, tx, f)
		return errEnough
	})
	if failure != nil || !errors.Is(err, errEnough) {
		t.Fatal(failure, err)
	}
	return l.said
}

// inUse reads and writes rows that are there, on first pages and deep inside.
func inUse(ctx context.Context, tx ports.Tx, f dbtest.Filled) error {
	ordinary, busy := f.Account(17), f.Account(1)
	deep := &domain.Position{At: f.Now.Add(-time.Duration(f.Sessions/2) * time.Second), ID: f.Account(1)}
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	_, err := tx.Accounts().ByEmail(ctx, f.Email(17))
	check(err)
	for _, order := range []domain.AccountOrder{domain.AccountsByEmail, domain.AccountsByUsername} {
		for _, prefix := range []string{"", "a", "abc", f.Email(17)} {
			for _, after := range []*domain.Position{nil, {Text: "00"}, {Text: "ae"}, {Text: "f"}} {
				_, err := tx.Accounts().Search(ctx, domain.AccountSearch{Order: order, Prefix: prefix}, domain.PageRequest{Limit: pageRows, After: after})
				check(err)
			}
		}
	}
	for _, after := range []*domain.Position{nil, deep} {
		request := domain.PageRequest{Limit: pageRows, After: after}
		for _, subject := range []domain.ID{"", ordinary, busy} {
			for _, action := range []domain.AuditAction{"", domain.AuditLoginSucceeded, domain.AuditRefreshReused, domain.AuditKeyCreated} {
				_, err := tx.Audit().List(ctx, domain.AuditFilter{Subject: subject, Action: action}, request)
				check(err)
			}
		}
		_, err := tx.Sessions().ListActive(ctx, busy, f.Now, 0, request)
		check(err)
		_, err = tx.Sessions().ListActive(ctx, ordinary, f.Now, 100, request)
		check(err)
		_, err = tx.Sessions().SeenFrom(ctx, busy, "Nobody/1.0", "192.0.2.1")
		check(err)
	}
	check(tx.Accounts().RecordLogin(ctx, ordinary, 1, 1, f.Now))
	session, err := tx.Sessions().ByID(ctx, f.Session(1))
	check(err)
	check(tx.Sessions().Advance(ctx, session, session.Refresh.RefreshPosition))
	_, err = tx.Sessions().EndAll(ctx, ordinary, "", domain.EndedByOwner, f.Now)
	check(err)
	_, err = tx.Outbox().Claim(ctx, f.Now, f.Now.Add(time.Hour), pageRows)
	check(err)
	for _, until := range []time.Time{f.Now.AddDate(-9, 0, 0), f.Now} {
		_, err := tx.Sessions().Purge(ctx, until, pageRows)
		check(err)
		_, err = tx.Outbox().Purge(ctx, until, pageRows)
		check(err)
		_, err = tx.Idempotency().Purge(ctx, until, pageRows)
		check(err)
	}
	check(onceInUse(ctx, tx, f))
	return errors.Join(errs...)
}

// shortened leaves out the columns.
func shortened(query string) string {
	const most = 100
	query = plain(query)
	if _, rest, ok := strings.Cut(query, " FROM "); ok && strings.HasPrefix(query, "SELECT ") && len(query) > most {
		return "SELECT … FROM " + rest
	}
	if len(query) > 4*most {
		return query[:4*most] + "…"
	}
	return query
}
