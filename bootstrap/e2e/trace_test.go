package e2e_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"authserve/bootstrap/harness"
)

// collector is an OTLP/HTTP receiver that keeps everything. It is read when the
// service that sends to it has ended.
type collector struct {
	*httptest.Server

	mu      sync.Mutex
	bodies  []byte
	spans   []*tracepb.Span
	metrics []*metricspb.Metric
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Errorf("export to %s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	harness.Keep("what "+r.URL.Path+" got", body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, body...)
	switch r.URL.Path {
	case "/v1/traces":
		var request collecttraces.ExportTraceServiceRequest
		err = proto.Unmarshal(body, &request)
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var request collectmetrics.ExportMetricsServiceRequest
		err = proto.Unmarshal(body, &request)
		for _, resource := range request.GetResourceMetrics() {
			for _, scope := range resource.GetScopeMetrics() {
				c.metrics = append(c.metrics, scope.GetMetrics()...)
			}
		}
	default:
		err = fmt.Errorf("no such path; content type %q", r.Header.Get("Content-Type"))
	}
	return err
}

// leads reports whether a line of descendants with those names begins below span.
func (c *collector) leads(span *tracepb.Span, names ...string) bool {
	return len(names) == 0 || slices.ContainsFunc(c.spans, func(s *tracepb.Span) bool {
		return bytes.Equal(s.GetTraceId(), span.GetTraceId()) && bytes.Equal(s.GetParentSpanId(), span.GetSpanId()) &&
			s.GetName() == names[0] && c.leads(s, names[1:]...)
	})
}

// requestSpan returns the server span that the access log's line of the answered
// request points at.
func (c *collector) requestSpan(t *testing.T, log string, a harness.Answer) *tracepb.Span {
	t.Helper()
	correlationID := a.Header.Get("X-Correlation-ID")
	for text := range strings.Lines(log) {
		var line struct {
			Msg           string `json:"msg"`
			CorrelationID string `json:"correlation_id"`
			TraceID       string `json:"trace_id"`
			SpanID        string `json:"span_id"`
		}
		if json.Unmarshal([]byte(text), &line) != nil || line.Msg != "request" || line.CorrelationID != correlationID {
			continue
		}
		for _, s := range c.spans {
			if hex.EncodeToString(s.GetSpanId()) == line.SpanID && hex.EncodeToString(s.GetTraceId()) == line.TraceID {
				return s
			}
		}
	}
	t.Fatalf("no span for the access log's line of %s %s\n%s", a.Request.Method, a.Request.URL.Path, log)
	return nil
}

func decoded[T any](t *testing.T, a harness.Answer) (v T) {
	t.Helper()
	if err := a.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTracesLeadFromTheRequestToTheStatement(t *testing.T) {
	t.Parallel()
	const pathRegister, wrongPassword, forgedToken = "/api/v1/auth/register", "not the password", "eyJhbGciOiJub25lIn0.e30.forged"
	sink := newCollector(t)
	p := startIn(t, t.TempDir(),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "OTEL_TRACES_SAMPLER=always_on", "OTEL_BSP_SCHEDULE_DELAY=10")
	c := newCaller(t, p.HTTP)

	registration := map[string]string{"email": email, "password": harness.Password}
	registered := c.do(http.MethodPost, pathRegister, registration, "", http.StatusCreated)
	loggedIn := c.do(http.MethodPost, pathLogin, credentials(), "", http.StatusOK)
	first := decoded[harness.Tokens](t, loggedIn)
	profile := c.do(http.MethodGet, pathMe, nil, first.Access, http.StatusOK)
	refreshed := c.do(http.MethodPost, pathRefresh, refreshBody(first.Refresh), "", http.StatusOK)
	second := decoded[harness.Tokens](t, refreshed)
	// Refusals, since the text of errors is what leaks most easily.
	c.do(http.MethodPost, pathRegister, registration, "", http.StatusConflict)
	c.do(http.MethodPost, pathLogin, map[string]string{"identifier": email, "password": wrongPassword}, "", http.StatusUnauthorized)
	if a, err := c.Do(t.Context(), http.MethodGet, "/of/"+email, nil, ""); err != nil || a.Status != http.StatusNotFound {
		t.Fatalf("a path that holds an address = %d, %v", a.Status, err)
	}
	c.do(http.MethodGet, pathMe, nil, forgedToken, http.StatusUnauthorized)
	c.do(http.MethodPost, pathRefresh, refreshBody(forgedToken), "", http.StatusUnauthorized)

	if code, err := p.Terminate(); err != nil || code != 0 { // which sends what is still held back
		t.Fatalf("SIGTERM: exit %d, %v; want 0\n%s", code, err, p.Log())
	}

	for _, step := range []struct {
		answer harness.Answer
		name   string
		below  []string
	}{
		{registered, "POST /api/v1/auth/register", []string{"account.register", "db.write update", "INSERT"}},
		{loggedIn, "POST /api/v1/auth/login", []string{"login.password", "db.read view", "SELECT"}},
		{loggedIn, "POST /api/v1/auth/login", []string{"login.password", "hash verify"}},
		{loggedIn, "POST /api/v1/auth/login", []string{"login.password", "db.write update", "INSERT"}},
		{profile, "GET /api/v1/users/me", []string{"account.profile", "db.read view", "SELECT"}},
		{refreshed, "POST /api/v1/auth/refresh", []string{"session.refresh", "db.write update", "UPDATE"}},
	} {
		root := sink.requestSpan(t, p.Log(), step.answer)
		if root.GetName() != step.name || root.GetKind() != tracepb.Span_SPAN_KIND_SERVER || len(root.GetParentSpanId()) != 0 {
			t.Errorf("the access log's line points at %s %q below %x; want the server span %q below nothing",
				root.GetKind(), root.GetName(), root.GetParentSpanId(), step.name)
		}
		if !sink.leads(root, step.below...) {
			t.Errorf("no line of spans leads from %q over %q", step.name, step.below)
		}
	}

	account := decoded[struct{ ID string }](t, profile).ID
	wantBareStatements(t, sink.spans, account, first.Session, email)

	for _, want := range []string{"http.server.request.duration", "authserve.circuit.calls", "db.client.operation.duration"} {
		if !slices.ContainsFunc(sink.metrics, func(m *metricspb.Metric) bool { return m.GetName() == want }) {
			t.Errorf("the metric %s was not exported", want)
		}
	}
	secrets := []string{email, harness.Password, wrongPassword, forgedToken}
	for _, token := range []string{first.Access, first.Refresh, second.Access, second.Refresh} {
		// The last part is what makes a token valid, and must not stand alone either.
		secrets = append(secrets, token, token[strings.LastIndexByte(token, '.')+1:])
	}
	for _, secret := range secrets {
		if bytes.Contains(sink.bodies, []byte(secret)) {
			t.Errorf("%q was exported", secret)
		}
	}
}

// wantBareStatements fails the test if a statement holds a literal or one of the
// values, or if a span says more than the statement and where it ran.
func wantBareStatements(t *testing.T, spans []*tracepb.Span, values ...string) {
	t.Helper()
	statements := 0
	for _, s := range spans {
		if s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
			continue
		}
		for _, a := range s.GetAttributes() {
			switch text := a.GetValue().GetStringValue(); a.GetKey() {
			case "db.system.name", "db.client.connection.pool.name":
			case "db.query.text":
				statements++
				// Column names stand in backquotes.
				if strings.ContainsAny(text, `'"`) || slices.ContainsFunc(values, func(v string) bool { return strings.Contains(text, v) }) {
					t.Errorf("a statement holds an argument: %s", text)
				}
			default:
				t.Errorf("span %q has the attribute %s=%q", s.GetName(), a.GetKey(), text)
			}
		}
	}
	if statements == 0 {
		t.Error("no statement was exported")
	}
}

func TestDeadCollectorDoesNotFailTheStop(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	p := startIn(t, t.TempDir(), "OTEL_EXPORTER_OTLP_ENDPOINT="+dead.URL, "OTEL_TRACES_SAMPLER=always_on")
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	if code, err := p.Terminate(); err != nil || code != 0 {
		t.Errorf("SIGTERM: exit %d, %v; want 0\n%s", code, err, p.Log())
	}
	if log := p.Log(); !strings.Contains(log, `"level":"warn"`) || !strings.Contains(log, `"msg":"stopped"`) {
		t.Errorf("the log does not tell both of what was lost and of the stop:\n%s", log)
	}
}
