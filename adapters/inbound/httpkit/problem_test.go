package httpkit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/ports"
)

func TestEveryCodeHasItsStatus(t *testing.T) {
	t.Parallel()
	want := map[domain.Code]int{
		"validation_failed": 422, "invalid_credentials": 401, "missing_token": 401, "invalid_token": 401,
		"token_expired": 401, "session_ended": 401, "invalid_refresh_token": 401, "refresh_retry_limit": 409,
		"forbidden": 403, "wrong_password": 403, "not_found": 404, "conflict": 409, "email_taken": 409, "username_taken": 409, "stale": 412,
		"idempotency_key_reused": 422, "idempotency_in_flight": 409, "dependency_unavailable": 503, "overloaded": 503,
		"internal": 500, "email_not_verified": 403, "invalid_one_time_token": 422, "too_many_attempts": 429, "rate_limited": 429,

		"malformed_json": 400, "duplicate_key": 400, "unknown_field": 400, "wrong_type": 400, "body_too_large": 413,
		"unsupported_media_type": 415, "request_timeout": 408, "unknown_route": 404, "method_not_allowed": 405,
		"malformed_query": 400, "unknown_parameter": 400, "invalid_cursor": 400,
	}
	seen := map[domain.Code]bool{}
	for _, e := range httpkit.Catalogue() {
		if seen[e.Code] {
			t.Errorf("%s stands twice in the catalogue", e.Code)
		}
		seen[e.Code] = true
		if status, known := want[e.Code]; !known || e.Status != status {
			t.Errorf("%s: got %d, want %d", e.Code, e.Status, status)
		}
		if e.Type != "urn:authserve:problem:"+string(e.Code) || e.Title == "" || e.Meaning == "" {
			t.Errorf("incomplete entry: %+v", e)
		}
	}
	for _, d := range domain.Catalogue() {
		if !seen[d.Code] {
			t.Errorf("%s of the domain is not in the catalogue", d.Code)
		}
	}
	for code := range want {
		if !seen[code] {
			t.Errorf("%s is not in the catalogue", code)
		}
	}
}

func TestEveryConstantIsInTheCatalogue(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, e := range httpkit.Catalogue() {
		known[string(e.Code)] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	constant := regexp.MustCompile(`(?m)^\s*(?:const )?Code\w+ .*=.*"(.+)"`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			found++
			if !known[m[1]] {
				t.Errorf("%s: %s is not in the catalogue", name, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no constant found: nothing was checked")
	}
}

func TestEveryKindIsAnswered(t *testing.T) {
	t.Parallel()
	for _, d := range domain.Catalogue() {
		k := newKit(t)
		k.fails(fmt.Errorf("use case: %w", domain.NewError(d.Kind, d.Code, "What happened.")))
		got := k.do(t, get("/fails"))
		if got.problem.Code != string(d.Code) || got.problem.Status != got.status || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %q", d.Code, got.status, got.body)
		}
		if challenge := got.header.Get("WWW-Authenticate"); (got.status == 401) != strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%s: %d with WWW-Authenticate %q", d.Code, got.status, challenge)
		}
		if retry := got.header.Get("Retry-After"); (got.status == 429 || got.status == 503) != (retry != "") {
			t.Errorf("%s: %d with Retry-After %q", d.Code, got.status, retry)
		}
	}
}

func TestProblemMembers(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.fails(domain.Invalid(domain.FieldError{Field: "email", Code: domain.CodeRequired, Message: "An e-mail address is required."}))
	r := get("/fails")
	r.Header.Set("X-Correlation-ID", "abc-1")
	got := k.do(t, r)
	p := got.problem
	if p.Type != "urn:authserve:problem:validation_failed" || p.Title != "Validation failed" || p.Status != 422 ||
		p.Detail == "" || p.Instance != "urn:authserve:request:abc-1" || p.CorrelationID != "abc-1" {
		t.Errorf("got %s", got.body)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(p.TraceID) || p.TraceID != k.spans.Ended()[0].SpanContext().TraceID().String() {
		t.Errorf("got trace_id %q", p.TraceID)
	}
	if len(p.Errors) != 1 || p.Errors[0].Field != "email" || p.Errors[0].Code != "required" || p.Errors[0].Message == "" {
		t.Errorf("got errors %+v", p.Errors)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got Cache-Control %q", got.header.Get("Cache-Control"))
	}
}

func TestChallengeNamesPresentedTokens(t *testing.T) {
	t.Parallel()
	for code, want := range map[domain.Code]string{
		domain.CodeMissingToken:        `Bearer`,
		domain.CodeInvalidCredentials:  `Bearer`,
		domain.CodeInvalidRefreshToken: `Bearer`,
		domain.CodeInvalidToken:        `Bearer error="invalid_token"`,
		domain.CodeTokenExpired:        `Bearer error="invalid_token"`,
		domain.CodeSessionEnded:        `Bearer error="invalid_token"`,
	} {
		k := newKit(t)
		k.fails(domain.NewError(domain.KindUnauthenticated, code, "No."))
		if got := k.do(t, get("/fails")).header.Get("WWW-Authenticate"); got != want {
			t.Errorf("%s: got %q, want %q", code, got, want)
		}
	}
}

func TestRetryAfterRoundsUp(t *testing.T) {
	t.Parallel()
	conflict := domain.NewError(domain.KindConflict, domain.CodeIdempotencyInFlight, "Under way.")
	for _, tt := range []struct {
		err  error
		want string
	}{
		{ports.ErrUnavailable, "1"},
		{ports.ErrOverloaded.WithRetryAfter(1500 * time.Millisecond), "2"},
		{conflict, ""},
		{conflict.WithRetryAfter(time.Millisecond), "1"},
	} {
		k := newKit(t)
		k.fails(tt.err)
		if got := k.do(t, get("/fails")).header.Get("Retry-After"); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestInternalDetailStaysInside(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"untyped":        errors.New("dial tcp 10.0.0.7: secret detail"),
		"typed internal": domain.NewError(domain.KindInternal, "store_read_only", "secret detail"),
		"cause":          ports.ErrUnavailable.Wrap(errors.New("secret detail")),
	} {
		k := newKit(t)
		k.fails(err)
		got := k.do(t, get("/fails"))
		if strings.Contains(got.body, "secret detail") || strings.Contains(got.body, "store_read_only") {
			t.Errorf("%s: the answer tells: %s", name, got.body)
		}
		if cause, _ := k.accessLog(t)["cause"].(string); !strings.Contains(cause, "secret detail") {
			t.Errorf("%s: the log does not tell: %q", name, cause)
		}
	}
}

func TestCausesOfClientFaultsAreNotLogged(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.fails(domain.Invalid().Wrap(errors.New("what the client sent")))
	k.do(t, get("/fails"))
	if cause, logged := k.accessLog(t)["cause"]; logged {
		t.Errorf("logged %v", cause)
	}
}

func TestDeadlineOfTheRequest(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *httpkit.Config) { c.RequestTimeout = 1 })
	k.handle(http.MethodGet, "/slow", httpkit.Endpoint{Operation: "slow"}, func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("read: %w", ctx.Err())
	})
	got := k.do(t, get("/slow"))
	if got.status != 503 || got.problem.Code != "overloaded" || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestForeignDeadlineIsInternal(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.fails(context.DeadlineExceeded) // while the request itself has time left
	if got := k.do(t, get("/fails")); got.status != 500 {
		t.Errorf("got %d", got.status)
	}
}

func TestClientThatLeft(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	ctx, cancel := context.WithCancel(t.Context())
	k.handle(http.MethodGet, "/left", httpkit.Endpoint{Operation: "left"}, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ports.ErrUnavailable.Wrap(ctx.Err())
	})
	got := k.do(t, get("/left").WithContext(ctx))
	if got.status != 499 || got.body != "" {
		t.Errorf("got %d %q", got.status, got.body)
	}
	if line := k.accessLog(t); line["status"] != int64(499) || line["code"] != "client_closed_request" || line["cause"] != nil {
		t.Errorf("the log says %v", line)
	}
}
