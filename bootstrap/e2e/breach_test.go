package e2e_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"authserve/bootstrap/harness"
)

// ranges is a service of breached passwords that can be broken.
type ranges struct {
	suffix string // the one it knows
	broken atomic.Pointer[http.HandlerFunc]
	asked  atomic.Int64
}

func (s *ranges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	if broken := s.broken.Load(); broken != nil {
		(*broken)(w, r)
		return
	}
	_, _ = fmt.Fprintf(w, "%s:0\r\n%s:7\r\n", strings.Repeat("0", 35), s.suffix)
}

func TestBreachedPasswordsAreRefusedAndTroubleIsNot(t *testing.T) {
	t.Parallel()
	sum := sha1.Sum([]byte(harness.Password))
	service := &ranges{suffix: strings.ToUpper(hex.EncodeToString(sum[:]))[5:]}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	p := start(t, "AUTHSERVE_BREACH_URL="+server.URL, "AUTHSERVE_GUARD_BREACH_TIMEOUT=300ms",
		"AUTHSERVE_GUARD_BREACH_REQUEST_VOLUME=3", "AUTHSERVE_GUARD_BREACH_SLEEP_WINDOW=10m")
	c := harness.NewClient(p.HTTP)
	register := func(name string) harness.Answer {
		t.Helper()
		a, err := c.Register(t.Context(), name+"@example.com")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}

	if a := register("breached"); a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), `"code":"breached"`) {
		t.Errorf("a breached password: %d %s", a.Status, a.Body)
	}
	troubles := map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"lies":    func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>everything is fine</html>") },
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, trouble := range troubles {
		service.broken.Store(&trouble)
		if a := register(name); a.Status != http.StatusCreated {
			t.Errorf("while the service %s: %d %s", name, a.Status, a.Body)
		}
	}
	asked := service.asked.Load()
	for i := range 3 {
		if a := register("open" + strconv.Itoa(i)); a.Status != http.StatusCreated {
			t.Errorf("with the circuit open: %d %s", a.Status, a.Body)
		}
	}
	if got := service.asked.Load(); got != asked {
		t.Errorf("%d more questions with the circuit open", got-asked)
	}
	if breakers := ops(t, p, "/circuit-breakers"); !strings.Contains(breakers, `"name":"breach","state":"open"`) {
		t.Errorf("circuit breakers: %s", breakers)
	}
	if metrics := ops(t, p, "/metrics"); !strings.Contains(metrics, `authserve_circuit_calls_total{circuit="breach",outcome="failure"`) {
		t.Error("the failures are not counted")
	}
}

// ops reads a page of the operations listener.
func ops(t *testing.T, p *harness.Process, path string) string {
	t.Helper()
	a, err := harness.NewClient(p.Ops).Do(t.Context(), http.MethodGet, path, nil, "")
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, a.Status, err)
	}
	return string(a.Body)
}
