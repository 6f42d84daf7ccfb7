package ops_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/inbound/ops"
	"authserve/ports"
)

// The tests run in bubbles of testing/synctest, where time is fake.

func TestReadyz(t *testing.T) {
	t.Parallel()
	down := func(context.Context) error { return errDown }
	for name, c := range map[string]struct {
		probes []ports.Probe
		accept string
		status int
		body   string
	}{
		"none": {nil, "", http.StatusOK, "ok\n"},
		"all in order": {
			[]ports.Probe{&probe{name: "database", check: fine}, &probe{name: "keys", check: fine}},
			"text/html, */*", http.StatusOK,
			"database: ok\nkeys: ok\nok\n",
		},
		"one fails": {
			[]ports.Probe{&probe{name: "database", check: down}, &probe{name: "keys", check: fine}},
			"", http.StatusServiceUnavailable,
			`database: unavailable: dial tcp: refused\nforged: ok` + "\nkeys: ok\nunavailable\n",
		},
		"JSON in order": {
			[]ports.Probe{&probe{name: "database", check: fine}},
			"application/json", http.StatusOK,
			`{"status":"ok","checks":[{"name":"database","status":"ok"}]}` + "\n",
		},
		"JSON failing": {
			[]ports.Probe{&probe{name: "database", check: down}, &probe{name: "keys", check: fine}},
			"application/json; q=0.9", http.StatusServiceUnavailable,
			`{"status":"unavailable","checks":[{"name":"database","status":"unavailable","error":"dial tcp: refused\nforged: ok"},{"name":"keys","status":"ok"}]}` + "\n",
		},
		"hangs until its context ends": {
			[]ports.Probe{&probe{name: "database", check: func(ctx context.Context) error { <-ctx.Done(); return errDown }}},
			"", http.StatusServiceUnavailable,
			"unavailable\n",
		},
		"panics": {
			[]ports.Probe{&probe{name: "database", check: func(context.Context) error { panic("nil map") }}},
			"", http.StatusServiceUnavailable,
			"database: unavailable: the probe panicked: nil map\nunavailable\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := deps()
				d.Probes = c.probes
				w := serve(ops.New(d), request(t, http.MethodGet, "/readyz", "Accept", c.accept))
				if w.Code != c.status || !strings.HasSuffix(w.Body.String(), c.body) {
					t.Errorf("readyz = %d %q, want %d %q", w.Code, w.Body, c.status, c.body)
				}
				if got, want := w.Header().Get("Retry-After") != "", c.status != http.StatusOK; got != want {
					t.Errorf("Retry-After there = %t, want %t", got, want)
				}
			})
		})
	}
}

func TestReadyShowsNoDetail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err        error
		status     int
		body       string
		retryAfter string
	}{
		"in order": {nil, http.StatusOK, `{"status":"ok"}` + "\n", ""},
		"failing":  {errDown, http.StatusServiceUnavailable, `{"status":"unavailable"}` + "\n", "5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				handler := ops.Ready([]ports.Probe{&probe{name: "database", check: func(context.Context) error { return c.err }}})
				w := serve(handler, request(t, http.MethodGet, "/healthz", "Accept", "text/plain"))
				if w.Code != c.status || w.Body.String() != c.body {
					t.Errorf("Ready = %d %q, want %d %q", w.Code, w.Body, c.status, c.body)
				}
				for header, want := range map[string]string{"Retry-After": c.retryAfter, "Cache-Control": "no-store", "Content-Type": "application/json"} {
					if got := w.Header().Get(header); got != want {
						t.Errorf("%s = %q, want %q", header, got, want)
					}
				}
			})
		})
	}
}

func TestProbesRunSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context) error { <-time.After(1500 * time.Millisecond); return nil }
		d := deps()
		d.Probes = []ports.Probe{&probe{name: "a", check: slow}, &probe{name: "b", check: slow}, &probe{name: "c", check: slow}}
		if w := serve(ops.New(d), request(t, http.MethodGet, "/readyz")); w.Code != http.StatusOK {
			t.Errorf("readyz = %d %s, want 200: three probes of 1.5 s fit into 2 s only side by side", w.Code, w.Body)
		}
	})
}

func TestStormAsksAProbeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probe{name: "database", check: func(context.Context) error { <-time.After(100 * time.Millisecond); return nil }}
		d := deps()
		d.Probes = []ports.Probe{p}
		handler := ops.New(d)
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if w := serve(handler, request(t, http.MethodGet, "/readyz")); w.Code != http.StatusOK {
					t.Errorf("readyz = %d, want 200", w.Code)
				}
			})
		}
		wg.Wait()
		<-time.After(900 * time.Millisecond)
		serve(handler, request(t, http.MethodGet, "/readyz"))
		if got := p.asked.Load(); got != 1 {
			t.Errorf("probe asked %d times within a second, want once", got)
		}
		<-time.After(200 * time.Millisecond)
		serve(handler, request(t, http.MethodGet, "/readyz"))
		if got := p.asked.Load(); got != 2 {
			t.Errorf("probe asked %d times, want a second time after the second", got)
		}
	})
}

// A probe that ignores its context breaks its contract. Even so it costs one
// goroutine, and readiness answers.
func TestStuckProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &probe{name: "database", check: func(context.Context) error { <-release; return nil }}
		d := deps()
		d.Probes = []ports.Probe{p}
		handler := ops.New(d)
		for range 5 {
			if w := serve(handler, request(t, http.MethodGet, "/readyz")); w.Body.String() != "database: unavailable: no answer in time\nunavailable\n" {
				t.Errorf("readyz = %d %q, want no answer in time", w.Code, w.Body)
			}
		}
		if got := p.asked.Load(); got != 1 {
			t.Errorf("stuck probe asked %d times, want once", got)
		}
		close(release)
		synctest.Wait()
		if w := serve(handler, request(t, http.MethodGet, "/readyz")); w.Code != http.StatusOK {
			t.Errorf("readyz after the probe's return = %d, want 200", w.Code)
		}
	})
}

// A caller that leaves must not spoil the answer for those who share it.
func TestCallerThatLeavesSpoilsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &probe{name: "database", check: func(ctx context.Context) error {
			select {
			case <-time.After(100 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		d := deps()
		d.Probes = []ports.Probe{p}
		handler := ops.New(d)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		serve(handler, request(t, http.MethodGet, "/readyz").WithContext(ctx))
		if w := serve(handler, request(t, http.MethodGet, "/readyz")); w.Code != http.StatusOK || p.asked.Load() != 1 {
			t.Errorf("readyz = %d after %d runs, want 200 from the run that the other began", w.Code, p.asked.Load())
		}
	})
}
