package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// behindProxy is a service that believes the proxy on this machine.
const behindProxy = "AUTHSERVE_TRUSTED_PROXIES=127.0.0.1/32"

// cheapHashes let many wrong passwords cost little.
func cheapHashes(extra ...string) []string {
	return append([]string{"AUTHSERVE_PASSWORD_ARGON2_MEMORY_KIB=1024", "AUTHSERVE_PASSWORD_ARGON2_TIME=1"}, extra...)
}

// through makes a request as that proxy does for a client: the last address is what the
// proxy saw, the others what the client claimed. None: the proxy did not say.
func through(ctx context.Context, t *testing.T, p *harness.Process, forwarded, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.HTTP+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	return r
}

func TestRateLimitsOverHTTP(t *testing.T) {
	t.Parallel()
	var settings []string
	for _, policy := range []string{"LOGIN", "REGISTER", "MAIL", "TOKEN"} {
		settings = append(settings, "AUTHSERVE_RATE_LIMIT_"+policy+"_BURST=4", "AUTHSERVE_RATE_LIMIT_"+policy+"_PERIOD=1h")
	}
	p := start(t, cheapHashes(append(settings, behindProxy)...)...)
	c := newCaller(t, p.HTTP)
	for i, call := range []struct{ policy, path, body string }{
		{"login", "auth/login", `{"identifier":"nobody@example.org","password":"wrong horse battery"}`},
		{"register", "auth/register", `{"email":"x","password":"x"}`},
		{"mail", "auth/password/forgot", `{"email":"nobody@example.org"}`},
		{"mail", "auth/email/verify/resend", `{"email":"nobody@example.org"}`},
		{"token", "auth/email/verify", `{"token":"x"}`},
		{"token", "auth/email/undo", `{"token":"x"}`},
		{"token", "auth/password/reset", `{"token":"x","new_password":"correct horse battery staples"}`},
		{"token", "auth/refresh", `{"refresh_token":"x"}`},
		{"token", "auth/logout", `{"refresh_token":"x"}`},
	} {
		send := func(forwarded string) harness.Answer {
			t.Helper()
			a, err := c.Send(through(t.Context(), t, p, forwarded, "/api/v1/"+call.path, call.body))
			if err != nil {
				t.Fatal(err)
			}
			c.check(a, a.Status) // the contract
			return a
		}
		client := fmt.Sprintf("198.51.100.%d", i)
		for n := range 4 {
			a := send(fmt.Sprintf("203.0.113.%d, %s", n, client))
			if want := fmt.Sprintf(`"%s";r=%d;t=`, call.policy, 3-n); a.Status == http.StatusTooManyRequests || !strings.HasPrefix(a.Header.Get("RateLimit"), want) {
				t.Errorf("%s: call %d = %d with RateLimit %s; want %s", call.path, n, a.Status, a.Header.Get("RateLimit"), want)
			}
			if want := `"` + call.policy + `";q=4;w=3600`; !strings.HasPrefix(a.Header.Get("RateLimit-Policy"), want) {
				t.Errorf("%s: RateLimit-Policy %s; want %s", call.path, a.Header.Get("RateLimit-Policy"), want)
			}
		}
		for _, forged := range []string{client, "203.0.113.9, " + client, "127.0.0.1, " + client, "unknown, , " + client, "::ffff:" + client} {
			a := send(forged)
			if a.Status != http.StatusTooManyRequests || a.Code() != "rate_limited" || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s from %q = %d %s with Retry-After %q; want it refused", call.path, forged, a.Status, a.Body, a.Header.Get("Retry-After"))
			}
		}
		for range 6 { // whoever the proxy does not name shares no bucket of a network
			for _, other := range []string{"", "unknown"} {
				if a := send(other); a.Status == http.StatusTooManyRequests {
					t.Errorf("%s from %q = %d %s; want it let through", call.path, other, a.Status, a.Body)
				}
			}
		}
		if a := send(fmt.Sprintf("2001:db8:%d::1", i)); a.Status == http.StatusTooManyRequests {
			t.Errorf("%s from another network is refused: %s", call.path, a.Body)
		}
	}
	if a := c.do(http.MethodGet, "/.well-known/jwks.json", nil, "", http.StatusOK); a.Header.Get("RateLimit") != "" {
		t.Errorf("public keys are limited: %v", a.Header)
	}
}

// flood sends the bodies of n numbers from a network for each, and counts the answers
// by status.
func flood(t *testing.T, p *harness.Process, n int, body func(i int) string) map[int]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	var next atomic.Int64
	var mu sync.Mutex
	counts := map[int]int{}
	var senders sync.WaitGroup
	for range 16 {
		senders.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				address := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
				res, err := client.Do(through(t.Context(), t, p, address, "/api/v1/auth/login", body(i)))
				if err != nil {
					t.Errorf("flood: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close() // it was read
				mu.Lock()
				counts[res.StatusCode]++
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	client.CloseIdleConnections()
	return counts
}

// Ten thousand networks that guess once each meet the bound of all together, and those
// that guess one account the bound of the account. Its owner gets in all along by the
// device that the account knows, and every session goes on.
func TestStuffingFromTenThousandNetworks(t *testing.T) {
	t.Parallel()
	p := start(t, cheapHashes(behindProxy,
		"AUTHSERVE_RATE_LIMIT_GLOBAL_BURST=300", "AUTHSERVE_RATE_LIMIT_GLOBAL_PERIOD=24h",
		"AUTHSERVE_RATE_LIMIT_ACCOUNT_BURST=20", "AUTHSERVE_RATE_LIMIT_ACCOUNT_PERIOD=24h")...)
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": "victim@example.org", "password": harness.Password}, "", http.StatusCreated)
	first := c.do(http.MethodPost, "/api/v1/auth/login", map[string]string{"identifier": "victim@example.org", "password": harness.Password}, "", http.StatusOK)
	var device struct {
		Token string `json:"device_token"`
	}
	if err := first.Decode(&device); err != nil || device.Token == "" {
		t.Fatalf("login = %s, %v; want a device token", first.Body, err)
	}
	var tokens harness.Tokens
	if err := first.Decode(&tokens); err != nil {
		t.Fatal(err)
	}

	counts := flood(t, p, 2000, func(int) string { return `{"identifier":"victim@example.org","password":"wrong horse battery"}` })
	if guesses := counts[http.StatusUnauthorized]; guesses == 0 || guesses > 20 || guesses+counts[http.StatusTooManyRequests] != 2000 {
		t.Errorf("answers of 2000 networks to guesses of one account: %v; want at most 20 tried", counts)
	}
	tried := counts[http.StatusUnauthorized]
	counts = flood(t, p, 10_000, func(i int) string {
		return fmt.Sprintf(`{"identifier":"somebody%d@example.org","password":"wrong horse battery"}`, i)
	})
	tried += counts[http.StatusUnauthorized]
	if counts[http.StatusUnauthorized] == 0 || tried > 302 || counts[http.StatusUnauthorized]+counts[http.StatusTooManyRequests] != 10_000 {
		t.Errorf("answers to one guess each of 10000 networks: %v; want at most 300 tried with those before, %d", counts, tried)
	}

	login := map[string]string{"identifier": "victim@example.org", "password": harness.Password}
	c.refused(http.MethodPost, "/api/v1/auth/login", login, "", http.StatusTooManyRequests, "too_many_attempts")
	login["device_token"] = device.Token
	c.do(http.MethodPost, "/api/v1/auth/login", login, "", http.StatusOK)
	c.do(http.MethodGet, pathMe, nil, tokens.Access, http.StatusOK)
	if _, _, err := c.Refresh(t.Context(), tokens.Refresh); err != nil {
		t.Errorf("Refresh: %v", err)
	}
}

func TestParallelBurstsOverHTTP(t *testing.T) {
	t.Parallel()
	p := start(t, cheapHashes("AUTHSERVE_RATE_LIMIT_LOGIN_BURST=10", "AUTHSERVE_RATE_LIMIT_LOGIN_PERIOD=24h")...)
	counts := flood(t, p, 64, func(i int) string { // whoever the addresses are forged for
		return fmt.Sprintf(`{"identifier":"somebody%d@example.org","password":"wrong horse battery"}`, i)
	})
	if counts[http.StatusUnauthorized] != 10 || counts[http.StatusTooManyRequests] != 54 {
		t.Errorf("answers to 64 logins at once: %v; want 10 tried", counts)
	}
}

func TestLimitsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	p := start(t, cheapHashes("AUTHSERVE_RATE_LIMIT_ENABLED=false", "AUTHSERVE_RATE_LIMIT_LOGIN_BURST=1", "AUTHSERVE_RATE_LIMIT_GLOBAL_BURST=1",
		"AUTHSERVE_RATE_LIMIT_ACCOUNT_BURST=1", "AUTHSERVE_RATE_LIMIT_MAX_FAILURES=10", "AUTHSERVE_RATE_LIMIT_FREE_FAILURES=1")...)
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": "ada@example.org", "password": harness.Password}, "", http.StatusCreated)
	counts := flood(t, p, 50, func(int) string { return `{"identifier":"ada@example.org","password":"wrong horse battery"}` })
	if counts[http.StatusUnauthorized] != 50 {
		t.Errorf("answers to 50 wrong passwords: %v; want all tried", counts)
	}
	a := c.do(http.MethodPost, "/api/v1/auth/login", map[string]string{"identifier": "ada@example.org", "password": harness.Password}, "", http.StatusOK)
	if a.Header.Get("RateLimit") != "" || a.Header.Get("RateLimit-Policy") != "" {
		t.Errorf("the answer tells of limits: %v", a.Header)
	}
}

func TestReplicasShareTheirLimits(t *testing.T) {
	t.Parallel()
	redis := dbtest.NewRedis(t)
	w := startTwins(t, redis.URL(), "AUTHSERVE_RATE_LIMIT_TOKEN_BURST=20", "AUTHSERVE_RATE_LIMIT_TOKEN_PERIOD=24h")
	passed := func() (n int) {
		for i := range 60 {
			a, _, err := []harness.Client{w.atOne, w.atOther}[i%2].Refresh(t.Context(), "x")
			if err != nil || a.Status != http.StatusUnauthorized && a.Status != http.StatusTooManyRequests {
				t.Fatalf("refresh = %d %s, %v", a.Status, a.Body, err)
			}
			if a.Status == http.StatusUnauthorized {
				n++
			}
		}
		return n
	}
	if got := passed(); got != 20 {
		t.Errorf("%d calls passed at two replicas, want 20 together", got)
	}
	redis.Kill(t)
	if got := passed(); got != 40 {
		t.Errorf("%d calls passed without Redis, want 20 at each", got)
	}
	for _, p := range []*harness.Process{w.one, w.other} {
		if got := metricOf(t, p, "authserve_limiter_fallback_total"); got == "" || got == "0" {
			t.Errorf("the fallback counts %q decisions", got)
		}
		if got := metricOf(t, p, `authserve_ratelimit_total{outcome="refused"`); got == "" || got == "0" {
			t.Errorf("%q decisions are counted as refused", got)
		}
	}
	redis.Restart(t) // with nothing in it
	await(t, func() bool {
		before := redisKeys(t, redis)
		_ = passed()
		return redisKeys(t, redis) > before
	})
}

// metricOf is the value of the first series whose line begins so.
func metricOf(t *testing.T, p *harness.Process, series string) string {
	t.Helper()
	for line := range strings.Lines(ops(t, p, "/metrics")) {
		if strings.HasPrefix(line, series) {
			return strings.TrimSpace(line[strings.LastIndex(line, " "):])
		}
	}
	return ""
}

func redisKeys(t *testing.T, r *dbtest.Redis) int64 {
	t.Helper()
	n, err := r.Client(t).DBSize(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
