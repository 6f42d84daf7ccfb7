package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"authserve/adapters/inbound/httpkit"
)

// contract is docs/api/openapi.yaml, read once, with every object closed: clients
// must ignore unknown members, we must not answer undocumented ones.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var loadContract = sync.OnceValues(func() (contract, error) {
	text, err := os.ReadFile("../../../docs/api/openapi.yaml")
	if err != nil {
		return contract{}, err
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return contract{}, err
	}
	if err := doc.Validate(loader.Context); err != nil {
		return contract{}, err
	}
	for _, s := range doc.Components.Schemas {
		closeObjects(s)
	}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, response := range operation.Responses.Map() {
				for _, media := range response.Value.Content {
					closeObjects(media.Schema)
				}
			}
		}
	}
	router, err := gorillamux.NewRouter(doc)
	return contract{doc: doc, router: router}, err
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

func theContract(t testing.TB) contract {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatalf("docs/api/openapi.yaml: %v", err)
	}
	return c
}

// checkContract holds one answer to the contract: status, headers, body, and the
// code of a problem. Paths and methods outside of it may only be refused.
func checkContract(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	c := theContract(t)
	route, params, err := c.router.FindRoute(contractRequest(r))
	if err != nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not in the contract and was answered %d", r.Method, r.URL.Path, a.status)
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: r.Method == http.MethodHead},
	}
	input.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(r.Context(), input); err != nil {
		t.Errorf("%s %s: the answer breaks the contract: %v", r.Method, r.URL.Path, err)
	}
	if code := a.code(); code != "" {
		response := route.Operation.Responses.Status(a.status)
		if response == nil || !slices.Contains(codesOf(response.Value), code) {
			t.Errorf("%s %s: code %q is not documented for %d", r.Method, r.URL.Path, code, a.status)
		}
	}
}

// contractRequest is r as the contract knows it, where HEAD goes without saying.
func contractRequest(r *http.Request) *http.Request {
	known := r.Clone(r.Context())
	if r.Method == http.MethodHead {
		known.Method = http.MethodGet
	}
	return known
}

func codesOf(r *openapi3.Response) []string {
	var codes []string
	list, _ := r.Extensions["x-codes"].([]any)
	for _, c := range list {
		codes = append(codes, fmt.Sprint(c))
	}
	return codes
}

func TestRoutesEqualTheContract(t *testing.T) {
	t.Parallel()
	var documented, registered []string
	for path, item := range theContract(t).doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !slices.Contains(operation.Tags, "page") { // those are of package web, and held to the contract there
				documented = append(documented, method+" "+path)
			}
		}
	}
	for _, r := range newWorld(t).Routes() {
		registered = append(registered, r.Method+" "+r.Path)
	}
	slices.Sort(documented)
	slices.Sort(registered)
	if !slices.Equal(documented, registered) {
		t.Errorf("documented:\n  %s\nregistered:\n  %s", strings.Join(documented, "\n  "), strings.Join(registered, "\n  "))
	}
}

func TestEveryCodeIsDocumented(t *testing.T) {
	t.Parallel()
	doc := theContract(t).doc
	status := map[string]int{}
	var want []string
	for _, e := range httpkit.Catalogue() {
		want = append(want, string(e.Code))
		status[string(e.Code)] = e.Status
	}
	var got []string
	for _, v := range doc.Components.Schemas["Problem"].Value.Properties["code"].Value.Enum {
		got = append(got, fmt.Sprint(v))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("codes of the contract: %q\ncodes of the catalogue: %q", got, want)
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for code, response := range operation.Responses.Map() {
				for _, c := range codesOf(response.Value) {
					if code != fmt.Sprint(status[c]) {
						t.Errorf("%s %s: code %q stands at %s, its status is %d", method, path, c, code, status[c])
					}
				}
			}
		}
	}
}

func TestProblemsInTheContractNameTheirCodes(t *testing.T) {
	t.Parallel()
	for path, item := range theContract(t).doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				if response.Value.Content["application/problem+json"] != nil && len(codesOf(response.Value)) == 0 {
					t.Errorf("%s %s %s: no codes", method, path, status)
				}
			}
		}
	}
}

// TestContractCheckCanFail proves that checkContract sees what it must see.
func TestContractCheckCanFail(t *testing.T) {
	t.Parallel()
	good := newWorld(t).call(t, http.MethodGet, "/.well-known/openid-configuration", "")
	for name, spoil := range map[string]func(*answer){
		"undocumented status": func(a *answer) { a.status = http.StatusTeapot },
		"undocumented member": func(a *answer) { a.body = []byte(strings.Replace(string(a.body), "{", `{"extra":1,`, 1)) },
		"missing member":      func(a *answer) { a.body = []byte(`{}`) },
		"missing header":      func(a *answer) { a.header.Del("X-Correlation-ID") },
		"wrong header":        func(a *answer) { a.header.Set("Cache-Control", "no-store") },
		"undocumented code": func(a *answer) {
			a.status = http.StatusBadRequest
			a.header.Set("Content-Type", "application/problem+json")
			a.body = []byte(`{"type":"urn:authserve:problem:conflict","title":"x","status":400,"instance":"urn:authserve:request:x","code":"conflict","correlation_id":"x"}`)
		},
	} {
		bad := answer{status: good.status, header: good.header.Clone(), body: slices.Clone(good.body)}
		spoil(&bad)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/openid-configuration", io.NopCloser(strings.NewReader("")))
		if err != nil {
			t.Fatal(err)
		}
		probe := &failures{TB: t}
		checkContract(probe, r, bad)
		if !probe.failed {
			t.Errorf("%s was not noticed", name)
		}
	}
}

// failures records that a check failed instead of failing.
type failures struct {
	testing.TB
	failed bool
}

func (f *failures) Errorf(string, ...any) { f.failed = true }
func (f *failures) Helper()               {}
