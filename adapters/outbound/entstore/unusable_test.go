package entstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
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
		"MariaDB taken for PostgreSQL":   {servers.Postgres, foreign(servers.MariaDB, "postgres"), "begin with mysql://"},
		"the same, and TLS is preferred": {servers.Postgres, func(t *testing.T, u *url.URL) { foreign(servers.MariaDB, "postgres")(t, u); u.RawQuery = "" }, "begin with mysql://"},
		"the same, and TLS is required": {servers.Postgres, func(t *testing.T, u *url.URL) {
			foreign(servers.MariaDB, "postgres")(t, u)
			u.RawQuery = "sslmode=require"
		}, "begin with mysql://"},
		"PostgreSQL taken for MariaDB": {servers.MariaDB, foreign(servers.Postgres, "mysql"), "begin with postgres://"},
		"the same, and TLS is wanted":  {servers.MariaDB, func(t *testing.T, u *url.URL) { foreign(servers.Postgres, "mysql")(t, u); u.RawQuery = "tls=true" }, "begin with postgres://"},
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

// TestServersAreToldByWhatTheySayFirst: the handshake of MySQL begins with its length,
// which the driver of PostgreSQL takes for the kind of a message.
func TestServersAreToldByWhatTheySayFirst(t *testing.T) {
	t.Parallel()
	handshake := func(length byte) string {
		return string([]byte{length, 0, 0, 0, 10}) + strings.Repeat("x", int(length)-1)
	}
	for name, c := range map[string]struct {
		scheme, says string
		want         string // empty: it may be a bad day
	}{
		"a handshake of MySQL 8":     {"postgres", handshake('J'), "begin with mysql://"},
		"one that looks like a row":  {"postgres", handshake('D'), "begin with mysql://"},
		"one that looks like TLS":    {"postgres", handshake('S'), "begin with mysql://"},
		"one that looks like none":   {"postgres", handshake('N'), "begin with mysql://"},
		"an error of MySQL":          {"postgres", "E\x00\x00\x00\xff\x10\x04Too many connections", "begin with mysql://"},
		"another protocol":           {"postgres", "HTTP/1.1 400 Bad Request\r\n\r\n", ""},
		"a line of four letters":     {"postgres", "220-\n220 mail.example.com\r\n", ""},
		"nothing at all":             {"postgres", "", ""},
		"another protocol for MySQL": {"mysql", "220 mail.example.com\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := entstore.Config{URL: c.scheme + "://u:p@" + says(t, c.says) + "/d"}
			err := startOn(t.Context(), cfg)
			if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrUnusable) != (c.want != "") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("a start = %v; want it permanent %v, with %q", err, c.want != "", c.want)
			}
		})
	}
}

// says is the address of a server that says text to everybody, and closes the connection.
func says(t *testing.T, text string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_, _ = io.CopyN(io.Discard, conn, 8) // what was not read would reset the connection
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return listener.Addr().String()
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
