package httpkit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

var (
	threePerMinute = domain.Rate{Name: "three", Burst: 3, Period: time.Minute}
	fivePerHour    = domain.Rate{Name: "five", Burst: 5, Period: time.Hour}
)

// limited is a kit whose POST /limited has the limit, and counts the calls that came
// through with their bodies.
func limited(t testing.TB, limit httpkit.Limit, change ...func(*httpkit.Config)) (*kit, *atomic.Int64) {
	t.Helper()
	k, calls := newKit(t, change...), new(atomic.Int64)
	type body struct {
		Name string `json:"name"`
	}
	k.Handle(http.MethodPost, "/limited", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "limited", Limit: limit},
		func(context.Context, *httpkit.Request[body]) (httpkit.Response[httpkit.None], error) {
			calls.Add(1)
			return httpkit.Response[httpkit.None]{}, nil
		}))
	return k, calls
}

func from(peer, forwarded string) *http.Request {
	r := post("/limited", `{"name":"x"}`)
	r.RemoteAddr = peer
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	return r
}

func TestFieldsOfALimit(t *testing.T) {
	t.Parallel()
	k, calls := limited(t, httpkit.Limit{Each: threePerMinute, All: fivePerHour})
	const policies = `"three";q=3;w=60, "five";q=5;w=3600`
	send := func(peer string, status int, fields, retry string) {
		t.Helper()
		got := k.do(t, from(peer, ""))
		if got.status != status || got.header.Get("RateLimit") != fields || got.header.Get("Retry-After") != retry {
			t.Errorf("%s: got %d with RateLimit %s and Retry-After %q, want %d with %s and %q",
				peer, got.status, got.header.Get("RateLimit"), got.header.Get("Retry-After"), status, fields, retry)
		}
		if p := got.header.Get("RateLimit-Policy"); p != policies {
			t.Errorf("%s: got RateLimit-Policy %s, want %s", peer, p, policies)
		}
		if status == http.StatusTooManyRequests && got.problem.Code != "rate_limited" {
			t.Errorf("%s: got the problem %+v", peer, got.problem)
		}
	}
	send("192.0.2.1:1", 204, `"three";r=2;t=20`, "")
	send("192.0.2.1:2", 204, `"three";r=1;t=40`, "")
	send("192.0.2.1:3", 204, `"three";r=0;t=60`, "")
	k.clock.Advance(500 * time.Millisecond)
	send("192.0.2.1:4", 429, `"three";r=0;t=20`, "20") // 19.5 s
	send("192.0.2.2:1", 204, `"five";r=1;t=2880`, "")
	k.clock.Advance(19500 * time.Millisecond)
	send("192.0.2.1:1", 204, `"three";r=0;t=60`, "")
	send("192.0.2.3:1", 429, `"five";r=0;t=700`, "700")
	if got := calls.Load(); got != 5 {
		t.Errorf("%d calls came through, want 5", got)
	}
}

func TestFieldsAreOnEveryAnswerOfALimitedRoute(t *testing.T) {
	t.Parallel()
	k, calls := limited(t, httpkit.Limit{Each: domain.Rate{Name: "many", Burst: 100, Period: time.Minute}})
	for name, r := range map[string]*http.Request{
		"bad body":  post("/limited", `{"name":1}`),
		"bad query": post("/limited?x=1", `{"name":"x"}`),
		"no JSON":   httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/limited", strings.NewReader("x")),
	} {
		if got := k.do(t, r); got.status < 400 || got.header.Get("RateLimit") == "" || got.header.Get("RateLimit-Policy") == "" {
			t.Errorf("%s: got %d with %v", name, got.status, got.header)
		}
	}
	if calls.Load() != 0 {
		t.Error("a bad request came through")
	}
	k.handle(http.MethodGet, "/free", httpkit.Endpoint{Operation: "free"}, func(context.Context) error { return nil })
	if got := k.do(t, get("/free")); got.header.Get("RateLimit") != "" || got.header.Get("RateLimit-Policy") != "" {
		t.Errorf("a route without limit has the fields: %v", got.header)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a refused request was read")
	return 0, errors.New("unread")
}

func TestRefusedRequestsAreNotRead(t *testing.T) {
	t.Parallel()
	k, _ := limited(t, httpkit.Limit{Each: threePerMinute})
	for range 3 {
		k.do(t, from("192.0.2.1:1", ""))
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/limited?unknown=1", unread{t})
	r.RemoteAddr = "192.0.2.1:1"
	r.Header.Set("Content-Type", "application/json")
	if got := k.do(t, r); got.status != 429 {
		t.Errorf("got %d, want 429", got.status)
	}
}

func TestLimitsCountByNetwork(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		peer, forwarded func(i int) string
		want            int64 // of 10
	}{
		"one address, many ports":           {func(i int) string { return fmt.Sprint("192.0.2.1:", 1000+i) }, nil, 3},
		"many addresses":                    {func(i int) string { return fmt.Sprintf("192.0.2.%d:1", i) }, nil, 10},
		"one /64":                           {func(i int) string { return fmt.Sprintf("[2001:db8::%x]:1", i+1) }, nil, 3},
		"many /64":                          {func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1", i+1) }, nil, 10},
		"IPv4 and IPv4 in IPv6":             {func(i int) string { return []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:1"}[i%2] }, nil, 3},
		"forged by a stranger":              {func(int) string { return "192.0.2.1:1" }, func(i int) string { return fmt.Sprintf("198.51.100.%d", i) }, 3},
		"forged in front of a proxy":        {func(int) string { return "10.0.0.1:1" }, func(i int) string { return fmt.Sprintf("198.51.100.%d, 192.0.2.1", i) }, 3},
		"a proxy forged":                    {func(int) string { return "10.0.0.1:1" }, func(i int) string { return fmt.Sprintf("10.9.9.%d, 192.0.2.1", i) }, 3},
		"clients of a proxy":                {func(int) string { return "10.0.0.1:1" }, func(i int) string { return fmt.Sprintf("198.51.100.%d", i) }, 10},
		"unknown address":                   {func(int) string { return "@" }, nil, 10},
		"a proxy that tells no address":     {func(int) string { return "10.0.0.1:1" }, nil, 10},
		"a proxy that does not know either": {func(int) string { return "10.0.0.1:1" }, func(int) string { return "unknown" }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, calls := limited(t, httpkit.Limit{Each: threePerMinute}, trusting("10.0.0.0/8"))
			for i := range 10 {
				forwarded := ""
				if tt.forwarded != nil {
					forwarded = tt.forwarded(i)
				}
				k.do(t, from(tt.peer(i), forwarded))
			}
			if got := calls.Load(); got != tt.want {
				t.Errorf("%d of 10 calls came through, want %d", got, tt.want)
			}
		})
	}
}

func TestCallersOfUnknownAddressAreCountedTogetherAlone(t *testing.T) {
	t.Parallel()
	k, calls := limited(t, httpkit.Limit{Each: threePerMinute, All: fivePerHour})
	for range 10 {
		k.do(t, from("@", ""))
	}
	if got := calls.Load(); got != 5 {
		t.Errorf("%d of 10 calls came through, want the 5 for all together", got)
	}
	if got := k.do(t, from("@", "")).header.Get("RateLimit-Policy"); got != `"five";q=5;w=3600` {
		t.Errorf("got RateLimit-Policy %s", got)
	}
}

// Ten thousand networks with one attempt each meet the limit for all together.
func TestManyNetworksMeetTheLimitForAll(t *testing.T) {
	t.Parallel()
	k, calls := limited(t, httpkit.Limit{Each: threePerMinute, All: domain.Rate{Name: "all", Burst: 600, Period: time.Minute}})
	h := http.Handler(k.Router)
	for i := range 10_000 {
		h.ServeHTTP(httptest.NewRecorder(), from(fmt.Sprintf("203.%d.%d.%d:1", i>>16, i>>8&255, i&255), ""))
	}
	if got := calls.Load(); got != 600 {
		t.Errorf("%d of 10000 calls came through, want 600", got)
	}
}

func TestParallelBurstsPassExactly(t *testing.T) {
	t.Parallel()
	k, calls := limited(t, httpkit.Limit{Each: domain.Rate{Name: "ten", Burst: 10, Period: time.Minute}})
	var contenders sync.WaitGroup
	for range 64 {
		contenders.Go(func() { k.ServeHTTP(httptest.NewRecorder(), from("192.0.2.1:1", "")) })
	}
	contenders.Wait()
	if got := calls.Load(); got != 10 {
		t.Errorf("%d of 64 calls came through, want 10", got)
	}
}

func TestSessionsHaveLimitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	account := fake.Account(1)
	authenticate := func(_ context.Context, token string) (domain.Identity, error) {
		n := map[string]int{"one": 1, "two": 2}[token]
		if n == 0 {
			return domain.Identity{}, domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "No.")
		}
		return domain.Identity{Account: account, Session: fake.Session(n, account)}, nil
	}
	k := newKit(t)
	calls := 0
	k.handle(http.MethodPost, "/limited", httpkit.Endpoint{Operation: "limited", Authenticate: authenticate, Limit: httpkit.Limit{Each: threePerMinute}},
		func(context.Context) error { calls++; return nil })
	send := func(token, peer string) int {
		r := from(peer, "")
		r.Header.Set("Authorization", "Bearer "+token)
		return k.do(t, r).status
	}
	for i := range 10 { // somebody without a session takes nothing of anybody's
		if got := send("none", fmt.Sprintf("192.0.2.%d:1", i%2)); got != 401 {
			t.Errorf("without a session: got %d, want 401", got)
		}
	}
	for i := range 5 {
		if got, want := send("one", fmt.Sprintf("192.0.2.%d:1", i)), []int{204, 204, 204, 429, 429}[i]; got != want {
			t.Errorf("call %d of a session from everywhere: got %d, want %d", i, got, want)
		}
	}
	if got := send("two", "192.0.2.1:1"); got != 204 {
		t.Errorf("another session: got %d, want 204", got)
	}
	if calls != 4 {
		t.Errorf("%d calls came through, want 4", calls)
	}
}

// faultyLimiter fails; a guarded one does so only when its caller is gone.
type faultyLimiter struct{}

func (faultyLimiter) Take(context.Context, time.Time, ...domain.Bucket) (domain.RateVerdict, error) {
	return domain.RateVerdict{}, ports.ErrUnavailable
}

func (faultyLimiter) Return(context.Context, time.Time, ...domain.Bucket) error {
	return ports.ErrUnavailable
}

func TestLimiters(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limiter ports.Limiter
		status  int
	}{
		"that fails lets nobody through":   {faultyLimiter{}, 503},
		"that is not there limits nothing": {nil, 204},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt, err := httpkit.New(httpkit.Config{Issuer: "http://127.0.0.1:8080", RequestTimeout: time.Minute}, httpkit.Deps{
				Logger: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meters: noop.NewMeterProvider(),
				Clock: fake.NewClock(fake.Epoch()), IDs: &fake.IDs{}, Limiter: tt.limiter,
			})
			if err != nil {
				t.Fatal(err)
			}
			k := &kit{Router: rt}
			k.handle(http.MethodPost, "/limited", httpkit.Endpoint{Operation: "limited", Limit: httpkit.Limit{Each: threePerMinute}}, func(context.Context) error { return nil })
			for range 5 {
				if got := k.do(t, from("192.0.2.1:1", "")); got.status != tt.status || got.header.Get("RateLimit") != "" {
					t.Errorf("got %d with RateLimit %q, want %d without", got.status, got.header.Get("RateLimit"), tt.status)
				}
			}
		})
	}
}

// Failed attempts of core/throttle are told when to come back, too.
func TestTooManyAttemptsHaveRetryAfter(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.fails(domain.NewError(domain.KindTooMany, domain.CodeTooManyAttempts, "Wait.").WithRetryAfter(1500 * time.Millisecond))
	got := k.do(t, get("/fails"))
	if got.status != 429 || got.problem.Code != "too_many_attempts" || got.header.Get("Retry-After") != "2" {
		t.Errorf("got %d %s with Retry-After %q, want 429 too_many_attempts with 2", got.status, got.problem.Code, got.header.Get("Retry-After"))
	}
}
