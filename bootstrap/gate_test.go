package bootstrap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap"
	"authserve/ports"
)

// absent is a store whose database is not there until it comes.
type absent struct {
	ports.Store
	fault   atomic.Pointer[error]
	tries   chan struct{} // one for each question of the probe while it is not there
	updates atomic.Int64
	closed  atomic.Bool
}

func newAbsent(fault error) *absent {
	s := &absent{Store: memstore.New(), tries: make(chan struct{}, 100)}
	s.fault.Store(&fault)
	return s
}

func (s *absent) come() { s.fault.Store(new(error)) }

func (s *absent) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	s.updates.Add(1)
	if err := *s.fault.Load(); err != nil {
		return err
	}
	return s.Store.Update(ctx, fn)
}

func (s *absent) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	if err := *s.fault.Load(); err != nil {
		return err
	}
	return s.Store.View(ctx, fn)
}

// Probes are asked by bootstrap.
func (s *absent) Probes() []ports.Probe { return []ports.Probe{s} }

// Name implements ports.Probe.
func (s *absent) Name() string { return "database" }

// Check implements ports.Probe.
func (s *absent) Check(context.Context) error {
	err := *s.fault.Load()
	if err != nil {
		s.tries <- struct{}{}
	}
	return err
}

// Close is called by bootstrap.
func (s *absent) Close() error {
	s.closed.Store(true)
	return nil
}

var errDown = ports.ErrUnavailable.Wrap(errors.New("connection refused by the test"))

// record is a log that can be read while it is written.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

// lines are those with the message.
func (r *record) lines(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for text := range strings.Lines(r.buf.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if said, _ := line["msg"].(string); strings.Contains(said, message) {
			found = append(found, line)
		}
	}
	return found
}

// begin builds a service on store and starts it beside the test.
func begin(ctx context.Context, t *testing.T, store ports.Store) (app *bootstrap.App, started <-chan error, log *record) {
	t.Helper()
	log = &record{}
	cfg := load(t, map[string]string{"AUTHSERVE_LOG_FORMAT": "json"})
	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithLogWriter(log), bootstrap.WithStore(store))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Start(ctx) }()
	return app, done, log
}

func TestStartWaitsForTheDatabaseAndSaysSo(t *testing.T) {
	t.Parallel()
	store := newAbsent(errDown)
	app, started, log := begin(t.Context(), t, store)
	for range 2 {
		<-store.tries
	}
	ops, api := "http://"+app.OpsAddr(), "http://"+app.HTTPAddr()
	if status, _, body := ask(t, http.MethodGet, ops+"/livez", ""); status != http.StatusOK {
		t.Errorf("/livez = %d %q; want 200: a restart mends nothing", status, body)
	}
	if status, _, body := ask(t, http.MethodGet, ops+"/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "database: unavailable") {
		t.Errorf("/readyz = %d %q; want 503 and the database named", status, body)
	}
	for _, route := range []struct{ method, path string }{
		{http.MethodPost, "/api/v1/auth/login"},
		{http.MethodPost, "/api/v1/auth/register"},
		{http.MethodGet, "/api/v1/users/me"},
		{http.MethodDelete, "/api/v1/sessions/x"},
		{http.MethodPatch, "/api/v1/users/me"},
		{http.MethodPut, "/nothing//here/%2F"},
		{http.MethodGet, "/.well-known/jwks.json"},
		{http.MethodGet, "/"},
	} {
		status, header, body := ask(t, route.method, api+route.path, credentials)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "5" || header.Get("Content-Type") != "application/problem+json" ||
			!strings.Contains(body, `"code":"dependency_unavailable"`) || !strings.Contains(body, `"correlation_id":"`) {
			t.Errorf("%s %s = %d %v %s; want a 503 problem with Retry-After", route.method, route.path, status, header, body)
		}
		if strings.Contains(body, "connection refused") {
			t.Errorf("%s %s tells strangers the fault: %s", route.method, route.path, body)
		}
	}
	if status, header, body := ask(t, http.MethodGet, api+"/healthz", ""); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || body != "{\"status\":\"unavailable\"}\n" {
		t.Errorf("/healthz = %d %q; want 503 as ever", status, body)
	}
	if n := store.updates.Load(); n != 0 {
		t.Errorf("%d writes were tried; want the background tasks to wait", n)
	}
	select {
	case err := <-started:
		t.Fatalf("Start = %v while there is no database", err)
	default:
	}

	store.come()
	if err := <-started; err != nil {
		t.Fatalf("Start = %v with the database there; want nil", err)
	}
	// What readiness found is good for a second.
	if status, _, _ := ask(t, http.MethodGet, api+"/.well-known/jwks.json", ""); status != http.StatusOK {
		t.Errorf("the keys = %d after the start; want 200", status)
	}
	if status, _, _ := ask(t, http.MethodPost, api+"/api/v1/auth/login", credentials); status != http.StatusUnauthorized {
		t.Errorf("a login of nobody = %d after the start; want 401", status)
	}
	if err := app.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	var pauses []float64
	for i, line := range log.lines(t, "the database is not ready") {
		pause, _ := line["retry_in"].(float64)
		pauses = append(pauses, pause)
		fault, _ := line["error"].(string)
		if line["attempt"] != float64(i+1) || !strings.Contains(fault, "connection refused by the test") || line["ops_addr"] != app.OpsAddr() {
			t.Errorf("line %v; want the try, its fault and the addresses", line)
		}
	}
	if len(pauses) < 2 || !slices.Equal(pauses[:2], []float64{0.25, 0.5}) {
		t.Errorf("pauses %v; want 0.25, 0.5, ...", pauses)
	}
	if lines := log.lines(t, "the database is ready"); len(lines) != 1 {
		t.Errorf("%d lines say that the database came; want 1", len(lines))
	}
}

func TestPausesDoubleUpToAQuarterOfAMinute(t *testing.T) {
	t.Parallel()
	want := []time.Duration{250, 500, 1000, 2000, 4000, 8000, 15000, 15000}
	for i, ms := range want {
		if got := bootstrap.PauseAfter(i + 1); got != ms*time.Millisecond {
			t.Errorf("after %d tries: %s; want %s", i+1, got, ms*time.Millisecond)
		}
	}
	if got := bootstrap.PauseAfter(1 << 40); got != 15*time.Second {
		t.Errorf("after very many tries: %s; want 15s", got)
	}
}

func TestFaultsThatWaitingDoesNotMendEndTheStart(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		"unusable":         ports.ErrUnavailable.Wrap(ports.ErrUnusable.Wrap(errors.New("the test's fault"))),
		"of another kind":  ports.ErrUnsupported.Wrap(errors.New("the test's fault")),
		"without any kind": errors.New("the test's fault"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newAbsent(fault)
			app, started, log := begin(t.Context(), t, store)
			if err := <-started; !errors.Is(err, fault) || !strings.Contains(err.Error(), "the test's fault") {
				t.Errorf("Start = %v; want the fault at once", err)
			}
			if lines := log.lines(t, "the database is not ready"); len(lines) != 0 {
				t.Errorf("it was tried again: %v", lines)
			}
			if !store.closed.Load() {
				t.Error("the store is left open")
			}
			for _, address := range []string{app.HTTPAddr(), app.OpsAddr()} {
				var lc net.ListenConfig
				again, err := lc.Listen(t.Context(), "tcp", address)
				if err != nil {
					t.Errorf("the port is kept: %v", err)
					continue
				}
				_ = again.Close()
			}
		})
	}
}

func TestToldToStopWhileTheDatabaseIsNotThere(t *testing.T) {
	t.Parallel()
	store := newAbsent(errDown)
	ctx, cancel := context.WithCancel(t.Context())
	_, started, _ := begin(ctx, t, store)
	<-store.tries
	cancel()
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v; want the end of its context", err)
	}
	if !store.closed.Load() {
		t.Error("the store is left open")
	}
}

func TestAListenerThatDiesWhileTheDatabaseIsNotThere(t *testing.T) {
	t.Parallel()
	store := newAbsent(errDown)
	app, started, _ := begin(t.Context(), t, store)
	<-store.tries
	died := errors.New("accept: too many open files")
	app.LoseListener(died)
	if err := <-started; !errors.Is(err, died) {
		t.Errorf("Start = %v; want what the listener died of", err)
	}
}

// held is a store that answers the probe when it is told to.
type held struct {
	ports.Store
	asked, goOn chan struct{}
	once        sync.Once
}

// Probes are asked by bootstrap.
func (s *held) Probes() []ports.Probe { return []ports.Probe{s} }

// Name implements ports.Probe.
func (s *held) Name() string { return "database" }

// Check implements ports.Probe.
func (s *held) Check(context.Context) error {
	s.once.Do(func() {
		close(s.asked)
		<-s.goOn
	})
	return nil
}

func TestAListenerThatDiesWhileTheDatabaseAnswers(t *testing.T) {
	t.Parallel()
	store := &held{Store: memstore.New(), asked: make(chan struct{}), goOn: make(chan struct{})}
	app, started, log := begin(t.Context(), t, store)
	<-store.asked
	died := errors.New("accept: too many open files")
	app.LoseListener(died)
	for len(log.lines(t, "a listener died")) == 0 {
		runtime.Gosched()
	}
	close(store.goOn)
	if err := <-started; !errors.Is(err, died) {
		t.Errorf("Start = %v; want what the listener died of", err)
	}
}
