package bootstrap_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap"
	"authserve/ports"
	"authserve/ports/fake"
)

// remoteStore counts its Views, and can be out of reach.
type remoteStore struct {
	ports.Store
	views atomic.Int64
	gone  atomic.Bool
}

func (s *remoteStore) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	s.views.Add(1)
	if s.gone.Load() {
		return ports.ErrUnavailable
	}
	return s.Store.View(ctx, fn)
}

func (s *remoteStore) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	if s.gone.Load() {
		return ports.ErrUnavailable
	}
	return s.Store.Update(ctx, fn)
}

// loggedIn is a service over store and one session of it.
type loggedIn struct {
	*testing.T
	api    string
	access string
}

func logIn(t *testing.T, store ports.Store, variables map[string]string) loggedIn {
	t.Helper()
	app, err := bootstrap.New(bootstrap.WithConfig(load(t, variables)), bootstrap.WithLogWriter(io.Discard),
		bootstrap.WithStore(store), bootstrap.WithHasher(fake.NewHasher()), bootstrap.WithMailer(&fake.Mailer{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Stop(context.Background()) })
	api := "http://" + app.HTTPAddr() + "/api/v1"
	post(t, api+"/auth/register", registration)
	tokens := post(t, api+"/auth/login", credentials)
	access, _ := tokens["access_token"].(string)
	return loggedIn{T: t, api: api, access: access}
}

func (l loggedIn) wants(method, path string, status int) {
	l.Helper()
	got, _, _ := ask(l.T, method, l.api+path, "", "Authorization: Bearer "+l.access)
	if got != status {
		l.Errorf("%s %s = %d; want %d", method, path, got, status)
	}
}

func TestAProfileNeedsNoDatabaseAndAnEndedSessionIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string]map[string]string{
		"remembered": {"AUTHSERVE_CACHE_TTL": "1h", "AUTHSERVE_UPKEEP_INTERVAL": "24h"},
		"off":        {"AUTHSERVE_CACHE_TTL": "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &remoteStore{Store: memstore.New()}
			l := logIn(t, store, variables)
			l.wants(http.MethodGet, "/users/me", http.StatusOK)
			before := store.views.Load()
			l.wants(http.MethodGet, "/users/me", http.StatusOK)
			if opened := store.views.Load() - before; name == "remembered" && opened != 0 {
				t.Errorf("%d Views of the store for a profile that is remembered; want none", opened)
			}
			l.wants(http.MethodDelete, "/users/me/sessions", http.StatusNoContent) // all others
			l.wants(http.MethodGet, "/users/me", http.StatusOK)
			l.wants(http.MethodDelete, "/users/me/sessions?include_current=true", http.StatusNoContent)
			l.wants(http.MethodGet, "/users/me", http.StatusUnauthorized)
		})
	}
}

func TestWithoutItsDatabaseTheServiceStillReadsForAWhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stale string
		want  int
	}{"within the time": {"1h", http.StatusOK}, "off": {"0", http.StatusServiceUnavailable}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &remoteStore{Store: memstore.New()}
			l := logIn(t, store, map[string]string{"AUTHSERVE_CACHE_TTL": "1us", "AUTHSERVE_CACHE_STALE": c.stale})
			l.wants(http.MethodGet, "/users/me", http.StatusOK)
			store.gone.Store(true)
			l.wants(http.MethodGet, "/users/me", c.want)
			l.wants(http.MethodGet, "/users/me/sessions", http.StatusServiceUnavailable)
			store.gone.Store(false)
		})
	}
}
