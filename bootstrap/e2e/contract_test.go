package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"authserve/bootstrap/harness"
)

// contract is the specification, read once, with every object of an answer closed:
// the service must not answer undocumented members.
var contract = sync.OnceValues(func() (routers.Router, error) {
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.FileBodyDecoder)
	spec, err := openapi3.NewLoader().LoadFromFile(harness.SpecPath())
	if err != nil {
		return nil, err
	}
	spec.Servers = nil // any base URL
	for _, s := range spec.Components.Schemas {
		closeObjects(s)
	}
	for _, item := range spec.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, response := range operation.Responses.Map() {
				for _, media := range response.Value.Content {
					closeObjects(media.Schema)
				}
			}
		}
	}
	return gorillamux.NewRouter(spec)
})

// closeObjects allows no members but those of the schema, in it and in what is
// written inside it. What it refers to stands among the components.
func closeObjects(s *openapi3.SchemaRef) {
	if s == nil || s.Ref != "" {
		return
	}
	if s.Value.AdditionalProperties.Schema == nil { // no map of facts
		closed := false
		s.Value.AdditionalProperties.Has = &closed
	}
	closeObjects(s.Value.Items)
	for _, member := range s.Value.Properties {
		closeObjects(member)
	}
}

// caller sends requests and holds every answer against the contract.
type caller struct {
	t *testing.T
	harness.Client
}

func newCaller(t *testing.T, base string) caller {
	t.Helper()
	return caller{t: t, Client: harness.NewClient(base)}
}

// do sends a request and fails the test unless the answer has the wanted status
// and is one that the contract allows.
func (c caller) do(method, path string, body any, bearer string, status int) harness.Answer {
	c.t.Helper()
	a, err := c.Do(c.t.Context(), method, path, body, bearer)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	c.check(a, status)
	return a
}

func (c caller) check(a harness.Answer, status int) {
	c.t.Helper()
	if a.Status != status {
		c.t.Fatalf("%s %s = %d %s; want %d", a.Request.Method, a.Request.URL.Path, a.Status, a.Body, status)
	}
	if a.Header.Get("X-Correlation-ID") == "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		c.t.Errorf("%s %s lacks its correlation ID or security headers: %v", a.Request.Method, a.Request.URL.Path, a.Header)
	}
	if a.Header.Values("Set-Cookie") != nil {
		c.t.Errorf("%s %s sets a cookie: %v", a.Request.Method, a.Request.URL.Path, a.Header)
	}
	router, err := contract()
	if err != nil {
		c.t.Fatalf("openapi.yaml: %v", err)
	}
	route, params, err := router.FindRoute(a.Request)
	if err != nil {
		c.t.Fatalf("%s %s is not in the contract: %v", a.Request.Method, a.Request.URL.Path, err)
	}
	err = openapi3filter.ValidateResponse(c.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: a.Request, PathParams: params, Route: route},
		Status:                 a.Status,
		Header:                 a.Header,
		Body:                   io.NopCloser(bytes.NewReader(a.Body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	if err != nil {
		c.t.Errorf("%s %s = %d breaks the contract: %v", a.Request.Method, a.Request.URL.Path, a.Status, err)
	}
}

// refused is do for answers that must be a problem document of the given code.
func (c caller) refused(method, path string, body any, bearer string, status int, code string) {
	c.t.Helper()
	a := c.do(method, path, body, bearer, status)
	if a.Code() != code || a.Header.Get("Content-Type") != "application/problem+json" {
		c.t.Errorf("%s %s: %s %q; want a problem of code %s", method, path, a.Header.Get("Content-Type"), a.Body, code)
	}
	if status == http.StatusUnauthorized && a.Header.Get("WWW-Authenticate") == "" {
		c.t.Errorf("%s %s: a 401 without WWW-Authenticate", method, path)
	}
}

func (c caller) tokens(path string, body any) harness.Tokens {
	c.t.Helper()
	var t harness.Tokens
	if err := c.do(http.MethodPost, path, body, "", http.StatusOK).Decode(&t); err != nil {
		c.t.Fatal(err)
	}
	return t
}

// TestTheProgramServesTheContract: every documented path takes exactly the documented
// methods. That nothing else is served is tested where routes are registered.
func TestTheProgramServesTheContract(t *testing.T) {
	t.Parallel()
	spec, err := openapi3.NewLoader().LoadFromFile(harness.SpecPath())
	if err != nil {
		t.Fatal(err)
	}
	c := harness.NewClient(start(t).HTTP)
	for path, item := range spec.Paths.Map() {
		var want []string
		for method := range item.Operations() {
			want = append(want, method)
			if method == http.MethodGet {
				want = append(want, http.MethodHead)
			}
		}
		a, err := c.Do(t.Context(), http.MethodOptions, strings.ReplaceAll(path, "{id}", "x"), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(a.Header.Get("Allow"), ", ")
		slices.Sort(got)
		slices.Sort(want)
		if a.Status != http.StatusMethodNotAllowed || !slices.Equal(got, want) {
			t.Errorf("%s: %d, takes %q, documented are %q", path, a.Status, got, want)
		}
	}
}
