package entstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/ports"
)

// onEachServer runs test beside itself on every kind of server.
func onEachServer(t *testing.T, test func(t *testing.T, server *dbtest.Server)) {
	t.Helper()
	onServers(t, servers.All(), test)
}

// onServers runs test beside itself on some servers.
func onServers(t *testing.T, some []*dbtest.Server, test func(t *testing.T, server *dbtest.Server)) {
	t.Helper()
	for _, server := range some {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

// faraway opens a migrated store with one connection for writes and one for reads,
// behind a network that can fail: one that is lost, or kept, is felt by the next call.
func faraway(t *testing.T, server *dbtest.Server) (*entstore.Store, *dbtest.Proxy) {
	t.Helper()
	proxy, through := dbtest.NewProxy(t, server.Migrated(t))
	return openEmpty(t, entstore.Config{URL: through, Readers: 1, Writers: 1}), proxy
}

// impatient is a context that ends while a server hangs.
func impatient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// mustCreate fails the test unless the account can be written and read again.
func mustCreate(t *testing.T, store *entstore.Store, n int) {
	t.Helper()
	if err := store.Update(t.Context(), createAccount(n)); err != nil {
		t.Fatalf("the next Update = %v, want it to work again", err)
	}
	if !hasAccount(t, store, n) {
		t.Errorf("account %d was acknowledged and is not there", n)
	}
}

func TestCutInTheMiddleOfATransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		store, proxy := faraway(t, server)
		calls := 0
		err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			calls++
			if err := createAccount(1)(ctx, tx); err != nil {
				return err
			}
			proxy.Cut()
			return createAccount(2)(ctx, tx)
		})
		if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrUnusable) || calls != 1 {
			t.Errorf("Update over a cut connection = %v after %d calls, want %v after 1", err, calls, ports.ErrUnavailable)
		}
		mustCreate(t, store, 3)
		for n := 1; n <= 2; n++ {
			if hasAccount(t, store, n) {
				t.Errorf("account %d of a transaction that was cut is there", n)
			}
		}
	})
}

func TestCutInTheMiddleOfAView(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		store, proxy := faraway(t, server)
		mustCreate(t, store, 1)
		err := store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			proxy.Cut()
			_, err := tx.Accounts().ByEmail(ctx, "user1@example.org")
			return err
		})
		if !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("View over a cut connection = %v, want %v", err, ports.ErrUnavailable)
		}
		if !hasAccount(t, store, 1) {
			t.Error("the account is gone")
		}
	})
}

func TestLostAroundTheCommit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		trap  func(*dbtest.Proxy) <-chan struct{}
		there bool
	}{
		{"the commit itself", func(p *dbtest.Proxy) <-chan struct{} { return p.CutBefore("commit") }, false},
		{"its answer", func(p *dbtest.Proxy) <-chan struct{} { return p.SwallowAnswer("commit") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onEachServer(t, func(t *testing.T, server *dbtest.Server) {
				t.Helper()
				store, proxy := faraway(t, server)
				var sprung <-chan struct{}
				calls := 0
				err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
					calls++
					err := createAccount(1)(ctx, tx)
					sprung = tt.trap(proxy) // only the commit is left
					return err
				})
				select {
				case <-sprung:
				default:
					t.Fatal("the commit was not seen: the test tests nothing")
				}
				if !errors.Is(err, ports.ErrUnavailable) || calls != 1 {
					t.Errorf("Update = %v after %d calls, want %v after 1: nobody knows whether it was written", err, calls, ports.ErrUnavailable)
				}
				mustCreate(t, store, 2)
				if got := hasAccount(t, store, 1); got != tt.there {
					t.Errorf("the account is there: %t, want %t", got, tt.there)
				}
			})
		})
	}
}

func TestServerThatHangsHoldsNobodyBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	own := errors.New("the closure's own")
	for _, tt := range []struct {
		name string
		door func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error
		want error
	}{
		{"connecting", func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error {
			proxy.Hang()
			return store.Update(ctx, createAccount(1))
		}, ports.ErrUnavailable},
		{"a statement", func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error {
			return store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
				proxy.Hang()
				return createAccount(1)(ctx, tx)
			})
		}, ports.ErrUnavailable},
		{"the commit", func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error {
			return store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
				defer proxy.Hang()
				return createAccount(1)(ctx, tx)
			})
		}, ports.ErrUnavailable},
		{"the rollback", func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error {
			return store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
				defer proxy.Hang()
				return errors.Join(createAccount(1)(ctx, tx), own)
			})
		}, own},
		{"between two statements", func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error {
			return store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
				proxy.Hang()
				<-ctx.Done()
				return createAccount(1)(ctx, tx)
			})
		}, ports.ErrUnavailable},
		{"a view", func(ctx context.Context, store *entstore.Store, proxy *dbtest.Proxy) error {
			return store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
				proxy.Hang()
				_, err := tx.Accounts().ByEmail(ctx, "user1@example.org")
				return err
			})
		}, ports.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onEachServer(t, func(t *testing.T, server *dbtest.Server) {
				t.Helper()
				store, proxy := faraway(t, server)
				if tt.name != "connecting" {
					mustCreate(t, store, 9)
				}
				if err := tt.door(impatient(t), store, proxy); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				proxy.Heal()
				mustCreate(t, store, 2) // by the only connection: it was given back, or replaced
			})
		})
	}
}

// A connection that went back with its transaction open would give the next caller what
// was not committed: MySQL commits it with the next BEGIN.
func TestContextThatEndsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		store, _ := faraway(t, server)
		for n, verdict := range []error{nil, context.Canceled} {
			ctx, cancel := context.WithCancel(t.Context())
			err := store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
				defer cancel()
				return errors.Join(createAccount(n)(ctx, tx), verdict)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Update = %v, want %v", err, context.Canceled)
			}
			mustCreate(t, store, 10+n)
			if hasAccount(t, store, n) {
				t.Errorf("account %d was not committed and is there", n)
			}
		}
	})
}

func TestServerGoneAndBack(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server *dbtest.Server) {
		t.Helper()
		store, proxy := faraway(t, server)
		mustCreate(t, store, 1)
		proxy.Down()
		for range 3 {
			if err := store.Update(t.Context(), createAccount(2)); !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrUnusable) {
				t.Errorf("Update without a server = %v, want %v, which waiting mends", err, ports.ErrUnavailable)
			}
			if err := store.Probes()[0].Check(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("the probe without a server = %v, want %v", err, ports.ErrUnavailable)
			}
		}
		proxy.Heal()
		mustCreate(t, store, 2)
		if err := store.Probes()[0].Check(t.Context()); err != nil {
			t.Errorf("the probe with the server back = %v", err)
		}
	})
}
