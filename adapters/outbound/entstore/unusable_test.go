package entstore_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/ports"
)

// startOn does what a start does with a database, until it fails.
func startOn(ctx context.Context, cfg entstore.Config) (err error) {
	store, err := entstore.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, p := range store.Probes() {
		if p.Name() == "database" {
			if err := p.Check(ctx); err != nil {
				return err
			}
		}
	}
	_, err = store.Migrator().Up(ctx)
	return err
}

// TestWhatWaitingDoesNotMendIsPermanent: a start that took it for a bad day would try
// again for ever.
func TestWhatWaitingDoesNotMendIsPermanent(t *testing.T) {
	t.Parallel()
	foreign := func(other *dbtest.Server, scheme string) func(*testing.T, *url.URL) {
		return func(t *testing.T, u *url.URL) {
			t.Helper()
			there, err := url.Parse(other.URL(t))
			if err != nil {
				t.Fatal(err)
			}
			u.Scheme, u.Host = scheme, there.Host
		}
	}
	query := func(q string) func(*testing.T, *url.URL) {
		return func(_ *testing.T, u *url.URL) { u.RawQuery = q }
	}
	for name, c := range map[string]struct {
		server *dbtest.Server
		change func(*testing.T, *url.URL)
		want   string
	}{
		"an unknown setting":             {servers.Postgres, query("sslmode=disable&foo=bar"), "foo"},
		"a setting that is no value":     {servers.Postgres, query("sslmode=disable&statement_timeout=abc"), "statement_timeout"},
		"a schema that is not there":     {servers.Postgres, query("sslmode=disable&search_path=nowhere"), "no schema"},
		"PostgreSQL without TLS":         {servers.Postgres, query("sslmode=require"), "refused TLS"},
		"MariaDB without TLS":            {servers.MariaDB, query("tls=true"), "TLS"},
		"MariaDB taken for PostgreSQL":   {servers.Postgres, foreign(servers.MariaDB, "postgres"), "does not speak the protocol of PostgreSQL"},
		"the same, and TLS is preferred": {servers.Postgres, func(t *testing.T, u *url.URL) { foreign(servers.MariaDB, "postgres")(t, u); u.RawQuery = "" }, "does not speak the protocol of PostgreSQL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(c.server.URL(t))
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, u)
			err = startOn(t.Context(), entstore.Config{URL: u.String()})
			if !errors.Is(err, ports.ErrUnusable) || !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "%!") {
				t.Errorf("a start = %v; want %v that says %q", err, ports.ErrUnusable, c.want)
			}
		})
	}
}

// TestAServerThatSaysNothingMayBeAnother: PostgreSQL waits for its client to begin, and
// so does a client of MySQL.
func TestAServerThatSaysNothingMayBeAnother(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(servers.Postgres.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme, u.RawQuery = "mysql", ""
	err = startOn(t.Context(), entstore.Config{URL: u.String()})
	if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "postgres://") {
		t.Errorf("a start = %v; want one that asks whether it is PostgreSQL", err)
	}
}

// TestANewerSchemaIsReady: an older release serves until it is replaced.
func TestANewerSchemaIsReady(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		store, m := open(t, cfg), newMigrator(t, cfg)
		db := migrationDB(t, m)
		ready := func() error {
			var errs []error
			for _, p := range store.Probes() {
				errs = append(errs, p.Check(t.Context()))
			}
			return errors.Join(errs...)
		}
		execAll(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, "+truth(m)+")")
		if err := ready(); err != nil {
			t.Errorf("beside a newer schema the probes say %v; want ready", err)
		}
		if _, err := m.Up(t.Context()); !errors.Is(err, entstore.ErrSchemaNewer) {
			t.Errorf("a start on it = %v; want %v", err, entstore.ErrSchemaNewer)
		}
		execAll(t, db, "DELETE FROM goose_db_version WHERE version_id = 99990101000000 OR version_id = (SELECT v FROM (SELECT max(version_id) AS v FROM goose_db_version WHERE version_id < 99990101000000) AS newest)")
		if err := ready(); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("on an older schema the probes say %v; want %v", err, ports.ErrUnavailable)
		}
	})
}
