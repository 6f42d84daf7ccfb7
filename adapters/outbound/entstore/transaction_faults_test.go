package entstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// counted adds a meter to cfg and returns what reads a counter of it, of one pool
// where that is not empty.
func counted(t *testing.T, cfg *entstore.Config) func(name, pool string) int64 {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	return func(name, pool string) (sum int64) {
		t.Helper()
		var data metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &data); err != nil {
			t.Fatal(err)
		}
		for _, scope := range data.ScopeMetrics {
			for _, m := range scope.Metrics {
				points, ok := m.Data.(metricdata.Sum[int64])
				if m.Name != name || !ok {
					continue
				}
				for _, p := range points.DataPoints {
					of, _ := p.Attributes.Value(attribute.Key("db.client.connection.pool.name"))
					if pool == "" || of.AsString() == pool {
						sum += p.Value
					}
				}
			}
		}
		return sum
	}
}

const repeats = "authserve.database.transaction.repeats"

// run lets the database itself do what no port can.
func run(t *testing.T, store *entstore.Store, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := store.Writer().ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestSixteenContendersAllGetThroughDeadlocks(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		const contenders = 16
		cfg := entstore.Config{URL: server.Migrated(t)}
		if server == servers.Postgres {
			cfg.URL += "?deadlock_timeout=10ms" // 1 s unless told
		}
		count := counted(t, &cfg)
		store := openEmpty(t, cfg)
		mustCreate(t, store, 1)
		mustCreate(t, store, 2)

		// The first two hold one row each before they want the other's.
		var held sync.WaitGroup
		held.Add(2)
		contend := func(n int) error {
			first := true
			return store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				one, other := fake.Account(1), fake.Account(2)
				if n%2 == 1 {
					one, other = other, one
				}
				if err := recordLogin(ctx, tx, one, n); err != nil {
					return err
				}
				if n < 2 && first {
					first = false
					held.Done()
				}
				held.Wait()
				if err := recordLogin(ctx, tx, other, n); err != nil {
					return err
				}
				return createAccount(100+n)(ctx, tx)
			})
		}
		errs := make([]error, contenders)
		var all sync.WaitGroup
		for n := range 2 {
			all.Go(func() { errs[n] = contend(n) })
		}
		held.Wait()
		for n := 2; n < contenders; n++ {
			all.Go(func() { errs[n] = contend(n) })
		}
		all.Wait()
		for n, err := range errs {
			if err != nil || !hasAccount(t, store, 100+n) {
				t.Errorf("contender %d: %v, want it to get through", n, err)
			}
		}
		if got := count(repeats, ""); got == 0 {
			t.Errorf("%s = %d, want the deadlock counted", repeats, got)
		}
	})
}

func recordLogin(ctx context.Context, tx ports.Tx, a domain.Account, n int) error {
	return tx.Accounts().RecordLogin(ctx, a.ID, a.Version.AuthGeneration, a.Version.Credential, fake.Epoch().Add(time.Duration(n)*time.Second))
}

// refuseFirst makes the database refuse the first so many inserts of accounts as it
// does those of a transaction that lost against another one.
func refuseFirst(t *testing.T, server *dbtest.Server, store *entstore.Store, n int) {
	t.Helper()
	if server == servers.Postgres { // a sequence is not rolled back
		run(t, store, "CREATE SEQUENCE tries",
			fmt.Sprintf("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') <= %d THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$", n),
			"CREATE TRIGGER refuse BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION refuse()")
		return
	}
	// A variable of the session, of which there is one, is not rolled back.
	run(t, store, fmt.Sprintf("CREATE TRIGGER refuse BEFORE INSERT ON accounts FOR EACH ROW BEGIN "+
		"SET @tries = COALESCE(@tries, 0) + 1; IF @tries <= %d THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF; END", n))
}

func TestSerializationFailuresAreRepeatedBoundedly(t *testing.T) {
	t.Parallel()
	const most = 12
	for _, tt := range []struct {
		name           string
		refused, calls int
		want           error
	}{
		{"a few", 3, 4, nil},
		{"one less than all", most - 1, most, nil},
		{"for ever", 1000, most, ports.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onEachServer(t, func(t *testing.T, server *dbtest.Server) {
				t.Helper()
				cfg := entstore.Config{URL: server.Migrated(t), Writers: 1}
				count := counted(t, &cfg)
				store := openEmpty(t, cfg)
				refuseFirst(t, server, store, tt.refused)
				calls := 0
				err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
					calls++
					return createAccount(1)(ctx, tx)
				})
				if !errors.Is(err, tt.want) || calls != tt.calls {
					t.Errorf("Update = %v after %d calls, want %v after %d", err, calls, tt.want, tt.calls)
				}
				if got := count(repeats, ""); got != int64(tt.calls-1) {
					t.Errorf("%s = %d, want %d", repeats, got, tt.calls-1)
				}
				if got, want := hasAccount(t, store, 1), tt.want == nil; got != want {
					t.Errorf("the account is there: %t, want %t", got, want)
				}
			})
		})
	}
}

func TestRepeatingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		store := openEmpty(t, entstore.Config{URL: server.Migrated(t), Writers: 1})
		refuseFirst(t, server, store, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			calls++
			err := createAccount(1)(ctx, tx)
			cancel()
			return err
		})
		if !errors.Is(err, ports.ErrUnavailable) || calls != 1 {
			t.Errorf("Update = %v after %d calls, want %v after 1", err, calls, ports.ErrUnavailable)
		}
	})
}

func TestServerEndsAStatementThatTakesTooLong(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		if server == servers.MySQL {
			t.Skip("MySQL bounds reads only: a write ends with its context")
		}
		store := openEmpty(t, entstore.Config{URL: server.Migrated(t), Writers: 1, StatementTimeout: 200 * time.Millisecond})
		if server == servers.Postgres {
			run(t, store, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$",
				"CREATE TRIGGER slow BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION slow()")
		} else {
			run(t, store, "CREATE TRIGGER slow BEFORE INSERT ON accounts FOR EACH ROW BEGIN DECLARE n INT; SELECT SLEEP(600) INTO n; END")
		}
		if err := store.Update(t.Context(), createAccount(1)); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("Update with a statement that sleeps = %v, want %v", err, ports.ErrUnavailable)
		}
		run(t, store, "DROP TRIGGER slow"+map[bool]string{true: " ON accounts"}[server == servers.Postgres])
		mustCreate(t, store, 1)
	})
}

func TestWhoWaitsForAConnectionIsSeenAndBounded(t *testing.T) {
	t.Parallel()
	urls := map[string]func(*testing.T) string{"SQLite": func(t *testing.T) string { t.Helper(); return config(t).URL }}
	for _, server := range servers.All() {
		urls[server.Name()] = func(t *testing.T) string { t.Helper(); return server.URL(t) }
	}
	for name, make := range urls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := entstore.Config{URL: make(t), Writers: 1}
			count := counted(t, &cfg)
			store := open(t, cfg)
			const wait = "db.sql.connection.wait"
			if got := count(wait, "writer"); got != 0 {
				t.Errorf("%s = %d with nobody waiting, want 0", wait, got)
			}
			err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				if err := store.Update(impatient(t), createAccount(2)); !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Update with all connections in use = %v, want %v for its deadline", err, ports.ErrUnavailable)
				}
				return createAccount(1)(ctx, tx)
			})
			if err != nil {
				t.Fatal(err)
			}
			// Writers of SQLite wait for their turn before they ask for the connection.
			if got := count(wait, "writer"); got != 1 && name != "SQLite" {
				t.Errorf("%s = %d, want the one that waited", wait, got)
			}
			mustCreate(t, store, 2)
		})
	}
}

func TestWhatWaitingDoesNotMend(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	user := func(u *url.URL, name string) { u.User = url.UserPassword(name, secret) }
	for _, tt := range []struct {
		name  string
		spoil func(u *url.URL)
		want  map[bool]string // of PostgreSQL or not
	}{
		{"a wrong password", func(u *url.URL) { user(u, u.User.Username()) }, map[bool]string{true: "28P01", false: "1045"}},
		{"an unknown user", func(u *url.URL) { user(u, "nobody") }, map[bool]string{true: "28P01", false: "1045"}},
		{"an unknown database", func(u *url.URL) { u.Path = "/nowhere" }, map[bool]string{true: "3D000", false: "1049"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onEachServer(t, func(t *testing.T, server *dbtest.Server) {
				t.Helper()
				u, err := url.Parse(server.URL(t))
				if err != nil {
					t.Fatal(err)
				}
				own, _ := u.User.Password()
				tt.spoil(u)
				store := openEmpty(t, entstore.Config{URL: u.String()})
				_, up := store.Migrator().Up(t.Context())
				for what, err := range map[string]error{
					"probe": store.Probes()[0].Check(t.Context()), "Up": up, "Update": store.Update(t.Context(), createAccount(1)),
					"View": store.View(t.Context(), func(context.Context, ports.Tx) error { return nil }),
				} {
					if !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, ports.ErrUnusable) {
						t.Errorf("%s = %v, want %v with %v inside", what, err, ports.ErrUnavailable, ports.ErrUnusable)
						continue
					}
					if text := err.Error(); !strings.Contains(text, tt.want[server == servers.Postgres]) {
						t.Errorf("%s = %v, want the fault %s named", what, err, tt.want[server == servers.Postgres])
					} else if strings.Contains(text, secret) || strings.Contains(text, own) {
						t.Errorf("%s = %v: it tells a password", what, err)
					}
				}
			})
		})
	}
}

// The service needs no more than the rights that docs/howto/databases.md grants.
func TestRightsOfTheService(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		given := server.Migrated(t)
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		create, drop := "CREATE USER poor IDENTIFIED BY 'only-for-tests'", []string{"DROP USER poor"}
		grant := "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON " + u.Path[1:] + ".* TO poor"
		if server == servers.Postgres {
			create, drop = "CREATE ROLE poor LOGIN PASSWORD 'only-for-tests'", []string{"DROP OWNED BY poor", "DROP ROLE poor"}
			grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO poor"
		}
		admin := openEmpty(t, entstore.Config{URL: given})
		run(t, admin, create)
		t.Cleanup(func() {
			for _, s := range drop {
				if _, err := admin.Writer().ExecContext(context.Background(), s); err != nil {
					t.Errorf("%s: %v", s, err)
				}
			}
		})
		u.User = url.UserPassword("poor", "only-for-tests")
		store := openEmpty(t, entstore.Config{URL: u.String()})
		if err := store.Update(t.Context(), createAccount(1)); !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, ports.ErrUnusable) {
			t.Errorf("Update without rights = %v, want %v with %v inside", err, ports.ErrUnavailable, ports.ErrUnusable)
		}
		run(t, admin, grant)
		mustCreate(t, store, 1)
		if _, err := store.Migrator().Status(t.Context()); err != nil {
			t.Errorf("Status = %v, want it without the right to migrate", err)
		}
		for _, probe := range store.Probes() {
			if err := probe.Check(t.Context()); err != nil {
				t.Errorf("the probe %s = %v", probe.Name(), err)
			}
		}
	})
}
