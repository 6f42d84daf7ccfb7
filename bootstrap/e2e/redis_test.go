package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// twins are two processes on one PostgreSQL and one Redis.
type twins struct {
	*testing.T
	one, other     *harness.Process
	atOne, atOther harness.Client
}

// startTwins starts them with the settings; redis is the URL by which they find Redis.
func startTwins(t *testing.T, redis string, extra ...string) twins {
	t.Helper()
	settings := append([]string{
		"AUTHSERVE_DATABASE_URL=" + servers.Postgres.Migrated(t), "AUTHSERVE_REDIS_URL=" + redis,
		"AUTHSERVE_MASTER_KEY=mH3x0m0c1q0Z8s1o9y3i7vQ2nTfLr5wKbD6uXa4EpGk=", "AUTHSERVE_ISSUER=http://auth.example", "AUTHSERVE_AUDIENCE=shop",
		"AUTHSERVE_PASSWORD_ALGORITHM=bcrypt", "AUTHSERVE_PASSWORD_BCRYPT_COST=10", "AUTHSERVE_UPKEEP_INTERVAL=24h",
	}, extra...)
	w := twins{T: t, one: start(t, settings...), other: start(t, settings...)}
	w.atOne, w.atOther = harness.NewClient(w.one.HTTP), harness.NewClient(w.other.HTTP)
	return w
}

// listening waits until both hear each other.
func (w twins) listening() {
	w.Helper()
	for _, p := range []*harness.Process{w.one, w.other} {
		await(w.T, func() bool { return listens(w.T, p) == "1" })
	}
}

// deaf waits until neither hears the other.
func (w twins) deaf() {
	w.Helper()
	for _, p := range []*harness.Process{w.one, w.other} {
		await(w.T, func() bool { return listens(w.T, p) == "0" })
	}
}

// listens is the value of the metric that tells whether p hears others.
func listens(t *testing.T, p *harness.Process) string {
	t.Helper()
	for line := range strings.Lines(ops(t, p, "/metrics")) {
		if strings.HasPrefix(line, "authserve_cache_listening{") || strings.HasPrefix(line, "authserve_cache_listening ") {
			return strings.TrimSpace(line[strings.LastIndex(line, " "):])
		}
	}
	return ""
}

// seen logs in at the first and lets the second remember the session.
func (w twins) seen(email string) harness.Tokens {
	w.Helper()
	a, tokens, err := w.atOne.Login(w.Context(), email)
	if err != nil || a.Status != http.StatusOK {
		w.Fatalf("login = %d %s, %v", a.Status, a.Body, err)
	}
	w.wants(http.StatusOK, tokens)
	return tokens
}

func (w twins) atSecond(tokens harness.Tokens) int {
	w.Helper()
	a, err := w.atOther.Do(w.Context(), http.MethodGet, pathMe, nil, tokens.Access)
	if err != nil {
		w.Fatal(err)
	}
	return a.Status
}

func (w twins) wants(status int, tokens harness.Tokens) {
	w.Helper()
	if got := w.atSecond(tokens); got != status {
		w.Fatalf("the second answers %d; want %d", got, status)
	}
}

// logout ends the session at the first.
func (w twins) logout(tokens harness.Tokens) {
	w.Helper()
	a, err := w.atOne.Do(w.Context(), http.MethodPost, "/api/v1/auth/logout", refreshBody(tokens.Refresh), "")
	if err != nil || a.Status != http.StatusNoContent {
		w.Fatalf("logout = %d %s, %v", a.Status, a.Body, err)
	}
}

func (w twins) register() {
	w.Helper()
	if a, err := w.atOne.Register(w.Context(), email); err != nil || a.Status != http.StatusCreated {
		w.Fatalf("register = %d %s, %v", a.Status, a.Body, err)
	}
}

// remembersForEver lets nothing but a message end what is remembered.
const remembersForEver = "AUTHSERVE_CACHE_TTL=24h"

func TestALogoutIsSeenByTheOtherReplicaAtOnce(t *testing.T) {
	t.Parallel()
	redis := dbtest.NewRedis(t)
	w := startTwins(t, redis.URL(), remembersForEver)
	w.register()
	w.listening()
	for range 20 {
		tokens := w.seen(email)
		w.logout(tokens)
		await(t, func() bool { return w.atSecond(tokens) == http.StatusUnauthorized })
	}
	t.Run("and all sessions of the account", func(t *testing.T) {
		first, second := w.seen(email), w.seen(email)
		a, err := w.atOne.Do(t.Context(), http.MethodDelete, "/api/v1/users/me/sessions", nil, first.Access)
		if err != nil || a.Status != http.StatusNoContent {
			t.Fatalf("end others = %d %s, %v", a.Status, a.Body, err)
		}
		await(t, func() bool { return w.atSecond(second) == http.StatusUnauthorized })
		w.wants(http.StatusOK, first)
	})
	for _, p := range []*harness.Process{w.one, w.other} {
		noSecret(t, redis.URL(), p.Log())
	}
}

func TestWhatWasWrittenWhileRedisWasDeadIsSeenWhenItIsBack(t *testing.T) {
	t.Parallel()
	redis := dbtest.NewRedis(t)
	w := startTwins(t, redis.URL(), remembersForEver)
	w.register()
	w.listening()
	for round := range 2 {
		tokens := w.seen(email)
		redis.Kill(t)
		w.deaf()
		w.wants(http.StatusOK, tokens) // what was told of the login may have come after the first time
		w.logout(tokens)
		w.wants(http.StatusOK, tokens)
		w.ready()
		redis.Restart(t)
		await(t, func() bool { return w.atSecond(tokens) == http.StatusUnauthorized })
		w.listening()
		// The circuit may still be open; then the message is lost, and sooner or later one is not.
		await(t, func() bool {
			again := w.seen(email)
			w.logout(again)
			return w.atSecond(again) == http.StatusUnauthorized
		})
		if got := strings.Count(w.other.Log(), "redis does not answer"); got != round+1 {
			t.Errorf("the log tells %d times that Redis went; want %d", got, round+1)
		}
		if got := strings.Count(w.other.Log(), "redis answers"); got != round+2 {
			t.Errorf("the log tells %d times that Redis is there; want %d", got, round+2)
		}
	}
}

// ready wants that both may get requests.
func (w twins) ready() {
	w.Helper()
	for _, p := range []*harness.Process{w.one, w.other} {
		if a := get(w.T, p.Ops, "/readyz"); a.Status != http.StatusOK {
			w.Errorf("/readyz = %d %s; want 200 without Redis", a.Status, a.Body)
		}
	}
}

func TestWithoutRedisTheTimeToLiveHolds(t *testing.T) {
	t.Parallel()
	redis := dbtest.NewRedis(t)
	through := map[string]struct{ spoil func(*dbtest.Proxy) }{
		"refuses": {(*dbtest.Proxy).Down}, "hangs": {(*dbtest.Proxy).Hang},
	}
	for name, c := range through {
		for _, when := range []string{"from the start", "later"} {
			t.Run(fmt.Sprint(name, " ", when), func(t *testing.T) {
				t.Parallel()
				proxy, url := dbtest.NewProxy(t, redis.URL())
				t.Cleanup(proxy.Heal)
				if when == "from the start" {
					c.spoil(proxy)
				}
				w := startTwins(t, url, "AUTHSERVE_CACHE_TTL=1s")
				w.register()
				if when == "later" {
					w.listening()
					c.spoil(proxy)
				}
				for range 3 {
					tokens := w.seen(email)
					w.logout(tokens)
					await(t, func() bool { return w.atSecond(tokens) == http.StatusUnauthorized })
				}
				w.ready()
				if when == "from the start" {
					w.deaf()
				}
				proxy.Heal()
				w.listening()
				w.ready()
			})
		}
	}
}

func TestAHangingRedisIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	redis := dbtest.NewRedis(t)
	// A request that waited for Redis would meet its own deadline first.
	w := startTwins(t, redis.URL(), remembersForEver, "AUTHSERVE_GUARD_REDIS_TIMEOUT=2m", "AUTHSERVE_GUARD_REDIS_REQUEST_VOLUME=1000000")
	w.register()
	w.listening()
	redis.Pause(t)
	t.Cleanup(func() { redis.Resume(t) })
	for range 20 {
		w.logout(w.seen(email))
	}
	w.deaf()
	w.ready()
}

func TestDoctorTriesRedis(t *testing.T) {
	t.Parallel()
	redis := dbtest.NewRedis(t)
	for url, want := range map[string]string{
		redis.URL(): "it answers, and lets the service subscribe, publish and count",
		strings.Replace(redis.URL(), ":only", ":not-only", 1): "WRONGPASS",
	} {
		dir := t.TempDir()
		stdout, stderr, _, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_REDIS_URL="+url, "AUTHSERVE_PASSWORD_ISOLATION=none"), "", "doctor")
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("doctor says %q and %q, %v; want %q", stdout, stderr, err, want)
		}
		noSecret(t, url, stdout+stderr)
	}
}
