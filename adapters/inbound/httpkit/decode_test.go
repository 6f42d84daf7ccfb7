package httpkit_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

type sample struct {
	Name   string        `json:"name"`
	Secret domain.Secret `json:"secret"`
	Nick   *string       `json:"nick"`
	Age    int           `json:"age"`
	Tags   []string      `json:"tags"`
	Inner  struct {
		Flag bool `json:"flag"`
	} `json:"inner"`
}

type echoed struct {
	Name   string  `json:"name"`
	Secret string  `json:"secret"`
	Nick   *string `json:"nick"`
}

func echoKit(t testing.TB) *kit {
	t.Helper()
	k := newKit(t)
	k.Handle(http.MethodPost, "/echo", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "echo"},
		func(_ context.Context, r *httpkit.Request[sample]) (httpkit.Response[echoed], error) {
			return httpkit.Response[echoed]{Body: echoed{Name: r.Body.Name, Secret: r.Body.Secret.Reveal(), Nick: r.Body.Nick}}, nil
		}))
	return k
}

func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	tests := []struct {
		name, body string
		status     int
		code       string
		field      string
	}{
		{"good", `{"name":"a","secret":"s","nick":null,"age":3,"tags":["x"],"inner":{"flag":true}}`, 200, "", ""},
		{"nothing asked for", ` {} `, 200, "", ""},
		{"brackets in strings do not nest", `{"name":"` + strings.Repeat("[", 100) + `\"{"}`, 200, "", ""},
		{"empty", ``, 400, "malformed_json", ""},
		{"blank", " \n\t ", 400, "malformed_json", ""},
		{"cut", `{"name":"a"`, 400, "malformed_json", ""},
		{"trailing value", `{"name":"a"}{}`, 400, "malformed_json", ""},
		{"trailing text", `{} x`, 400, "malformed_json", ""},
		{"trailing comma", `{"name":"a",}`, 400, "malformed_json", ""},
		{"comment", `{/* */}`, 400, "malformed_json", ""},
		{"single quotes", `{'name':'a'}`, 400, "malformed_json", ""},
		{"NaN", `{"age":NaN}`, 400, "malformed_json", ""},
		{"byte order mark", "\ufeff{}", 400, "malformed_json", ""},
		{"raw control character", "{\"name\":\"a\x01b\"}", 400, "malformed_json", ""},
		{"raw line break", "{\"name\":\"a\nb\"}", 400, "malformed_json", ""},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", 400, "malformed_json", ""},
		{"overlong UTF-8", "{\"name\":\"\xc0\xaf\"}", 400, "malformed_json", ""},
		{"lone surrogate", `{"name":"\ud800"}`, 400, "malformed_json", ""},
		{"too deep", `{"tags":` + deep + `}`, 400, "malformed_json", ""},
		{"far too deep", strings.Repeat("[", 60000), 400, "malformed_json", ""},
		{"duplicate", `{"name":"a","name":"b"}`, 400, "duplicate_key", "name"},
		{"duplicate by escape", `{"name":"a","n\u0061me":"b"}`, 400, "duplicate_key", "name"},
		{"duplicate inside", `{"inner":{"flag":true,"flag":false}}`, 400, "duplicate_key", "inner.flag"},
		{"unknown", `{"role":"admin"}`, 400, "unknown_field", "role"},
		{"unknown inside", `{"inner":{"x":1}}`, 400, "unknown_field", "inner.x"},
		{"other case", `{"Name":"a"}`, 400, "unknown_field", "Name"},
		{"unknown with a long name", `{"` + strings.Repeat("ä", 500) + `":1}`, 400, "unknown_field", strings.Repeat("ä", 32) + "..."},
		{"number for string", `{"name":1}`, 400, "wrong_type", "name"},
		{"string for number", `{"age":"1"}`, 400, "wrong_type", "age"},
		{"fraction", `{"age":1.5}`, 400, "wrong_type", "age"},
		{"overflow", `{"age":99999999999999999999}`, 400, "wrong_type", "age"},
		{"null for string", `{"name":null}`, 400, "wrong_type", "name"},
		{"null for number", `{"age":null}`, 400, "wrong_type", "age"},
		{"null for list", `{"tags":null}`, 400, "wrong_type", "tags"},
		{"null for object", `{"inner":null}`, 400, "wrong_type", "inner"},
		{"null inside list", `{"tags":["a",null]}`, 400, "wrong_type", "tags.1"},
		{"number for secret", `{"secret":1234}`, 400, "wrong_type", "secret"},
		{"null for secret", `{"secret":null}`, 400, "wrong_type", "secret"},
		{"null", `null`, 400, "wrong_type", ""},
		{"list", `[]`, 400, "wrong_type", ""},
		{"string", `"x"`, 400, "wrong_type", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := echoKit(t).do(t, post("/echo", tt.body))
			if got.status != tt.status || got.problem.Code != tt.code {
				t.Fatalf("got %d %q, want %d %q: %s", got.status, got.problem.Code, tt.status, tt.code, got.body)
			}
			field := ""
			if len(got.problem.Errors) > 0 {
				field = got.problem.Errors[0].Field
			}
			if field != tt.field {
				t.Errorf("got field %q, want %q", field, tt.field)
			}
		})
	}
}

func TestBodyValuesAreNeverEchoed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"age":"hunter2hunter2"}`, `{"secret":["hunter2hunter2"]}`, `{"unknown":"hunter2hunter2"}`,
		`{"secret":"hunter2hunter2","secret":"hunter2hunter2"}`, `{"secret":"hunter2hunter2" "x"}`,
	} {
		k := echoKit(t)
		if got := k.do(t, post("/echo", body)); got.status != 400 || strings.Contains(got.body, "hunter2") {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
		for _, line := range k.logs.All() {
			for key, value := range line.ContextMap() {
				if s, ok := value.(string); ok && strings.Contains(s, "hunter2") {
					t.Errorf("%s: the log says %s=%q", body, key, s)
				}
			}
		}
	}
}

func TestSecretsAreReadFromBodies(t *testing.T) {
	t.Parallel()
	got := echoKit(t).do(t, post("/echo", `{"secret":"p\u00e4ss\n\u0000","nick":"n"}`))
	var out echoed
	if err := json.Unmarshal([]byte(got.body), &out); err != nil {
		t.Fatal(err)
	}
	if out.Secret != "päss\n\x00" || out.Nick == nil || *out.Nick != "n" {
		t.Errorf("got %+v", out)
	}
}

func TestBodySize(t *testing.T) {
	t.Parallel()
	exact := `{"name":"` + strings.Repeat("a", 64<<10-len(`{"name":""}`)) + `"}`
	for name, chunked := range map[string]bool{"declared": false, "chunked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := echoKit(t)
			request := func(body string) *http.Request {
				r := post("/echo", body)
				if chunked {
					r.ContentLength = -1
				}
				return r
			}
			if got := k.do(t, request(exact)); got.status != 200 {
				t.Errorf("64 KiB: got %d %s", got.status, got.problem.Code)
			}
			if got := k.do(t, request(exact+" ")); got.status != 413 || got.problem.Code != "body_too_large" {
				t.Errorf("one byte more: got %d %s", got.status, got.problem.Code)
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		types    []string
		encoding string
		want     int
	}{
		{[]string{"application/json"}, "", 200},
		{[]string{"application/json; charset=utf-8"}, "", 200},
		{[]string{"Application/JSON;charset=UTF-8"}, "", 200},
		{[]string{"application/json"}, "identity", 200},
		{[]string{"application/json; charset=latin1"}, "", 415},
		{[]string{"application/json"}, "gzip", 415},
		{[]string{"text/plain"}, "", 415},
		{[]string{"application/x-www-form-urlencoded"}, "", 415},
		{[]string{"application/problem+json"}, "", 415},
		{[]string{"application/json;;;"}, "", 415},
		{[]string{""}, "", 415},
		{nil, "", 415},
		{[]string{"application/json", "text/plain"}, "", 415},
	}
	for _, tt := range tests {
		r := post("/echo", `{}`)
		r.Header["Content-Type"] = tt.types
		if tt.encoding != "" {
			r.Header.Set("Content-Encoding", tt.encoding)
		}
		got := echoKit(t).do(t, r)
		if got.status != tt.want {
			t.Errorf("%q %q: got %d, want %d", tt.types, tt.encoding, got.status, tt.want)
		}
		if tt.want == 415 && got.problem.Code != "unsupported_media_type" {
			t.Errorf("%q: got code %q", tt.types, got.problem.Code)
		}
	}
}

type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }
func (b brokenBody) Close() error             { return nil }

func TestBodiesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{os.ErrDeadlineExceeded, 408, "request_timeout"},
		{errors.New("connection reset"), 400, "malformed_json"},
	} {
		r := post("/echo", "")
		r.Body = brokenBody{tt.err}
		r.ContentLength = 10
		if got := echoKit(t).do(t, r); got.status != tt.status || got.problem.Code != tt.code {
			t.Errorf("%v: got %d %q, want %d %q", tt.err, got.status, got.problem.Code, tt.status, tt.code)
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","secret":"s","nick":null,"age":3,"tags":["x"],"inner":{"flag":true}}`, `{}`, ``, `null`, `[[[[`,
		`{"name":"\ud800"}`, `{"name":"a","n\u0061me":"b"}`, "{\"name\":\"\xff\"}", `{"age":1e400}`, `{"a":{"b":{"c":[]}}}`, "\ufeff{}",
	} {
		f.Add(seed)
	}
	k := echoKit(f)
	f.Fuzz(func(t *testing.T, body string) {
		k.forget()
		got := k.do(t, post("/echo", body))
		switch got.status {
		case 200:
			var reference map[string]any
			if err := json.Unmarshal([]byte(body), &reference); err != nil {
				t.Errorf("accepted what encoding/json refuses: %q: %v", body, err)
			}
		case 400, 413:
			if !json.Valid([]byte(got.body)) {
				t.Errorf("the problem is not JSON: %q", got.body)
			}
		default:
			t.Errorf("got %d for %q", got.status, body)
		}
	})
}
