package web_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// linkData is what the script of a page works with.
type linkData struct {
	Script   string `json:"script"`
	Call     string `json:"call"`
	Words    string `json:"words"`
	Password bool   `json:"password"`
}

func dataOf(t testing.TB, page string) linkData {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	data := linkData{Script: between(t, page, "script")}
	for n := range document.Descendants() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "data-call":
				data.Call = a.Val
			case a.Key == "data-words":
				data.Words = a.Val
			case a.Key == "id" && a.Val == "password":
				data.Password = true
			}
		}
	}
	return data
}

func (d linkData) wordsMap(t testing.TB) map[string]string {
	t.Helper()
	var words map[string]string
	if err := json.Unmarshal([]byte(d.Words), &words); err != nil {
		t.Fatalf("%q: %v", d.Words, err)
	}
	return words
}

type apiAnswer struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// scene is a visit to a page.
type scene struct {
	linkData
	Hash    string      `json:"hash"`
	Answers []apiAnswer `json:"answers,omitempty"` // of the API; when they are used up, nothing answers
	Acts    []string    `json:"acts,omitempty"`    // of the person
}

// outcome is what came of a scene.
type outcome struct {
	Before   int // requests before the first act
	Requests []struct{ URL, Method, Body, Credentials, ReferrerPolicy, Redirect string }
	// Addresses are what the address bar was set to.
	Addresses                               []string
	Status, Fault, Invalid, InputType, Left string
	StatusFocused, FormHidden, Disabled     bool
}

// play runs the page's script in Node.js, which is not needed to build or run anything.
func (s scene) play(t *testing.T) outcome {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: the script of the link pages is not run")
	}
	input, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "testdata/browser.js")
	cmd.Stdin = strings.NewReader(string(input))
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var o outcome
	if err := json.Unmarshal(output, &o); err != nil {
		t.Fatalf("%q: %v", output, err)
	}
	return o
}

func problem(status int, code string, field ...string) apiAnswer {
	document := map[string]any{"status": status, "code": code}
	if field != nil {
		document["errors"] = []map[string]string{{"field": field[0], "code": field[1], "message": "The API's own words."}}
	}
	text, _ := json.Marshal(document) //nolint:errchkjson // strings and numbers
	return apiAnswer{Status: status, Body: string(text)}
}

// TestOpeningALinkSpendsNothing: a scanner that opens the page and runs its script makes
// no request, and the token is out of the address bar.
func TestOpeningALinkSpendsNothing(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for _, path := range linkPages() {
		got := scene{linkData: dataOf(t, visit(t, rt, http.MethodGet, path).Body.String()), Hash: "#token=secret"}.play(t)
		if got.Before != 0 || len(got.Requests) != 0 || got.FormHidden || !slices.Equal(got.Addresses, []string{"/links/page"}) {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

func TestPressingTheButtonSendsTheToken(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for path, want := range map[string]struct{ url, body string }{
		"/links/verify-email":   {"https://auth.example/auth/api/v1/auth/email/verify", `{"token":"se-cr_et"}`},
		"/links/undo-email":     {"https://auth.example/auth/api/v1/auth/email/undo", `{"token":"se-cr_et"}`},
		"/links/reset-password": {"https://auth.example/auth/api/v1/auth/password/reset", `{"token":"se-cr_et","new_password":"typed"}`},
	} {
		data := dataOf(t, visit(t, rt, http.MethodGet, path, "de").Body.String())
		acts := []string{"twice", "submit"}
		if data.Password {
			acts = append([]string{"type typed", "show", "show", "show"}, acts...)
		}
		got := scene{linkData: data, Hash: "#token=se-cr_et", Answers: []apiAnswer{{Status: 204}}, Acts: acts}.play(t)
		if len(got.Requests) != 1 {
			t.Fatalf("%s: %d requests, want one: %+v", path, len(got.Requests), got)
		}
		r := got.Requests[0]
		if r.URL != want.url || r.Method != http.MethodPost || r.Body != want.body || r.Credentials != "omit" || r.ReferrerPolicy != "no-referrer" || r.Redirect != "error" {
			t.Errorf("%s: sent %+v", path, r)
		}
		if !got.FormHidden || got.Status != data.wordsMap(t)["done"] || !got.StatusFocused || got.Left != "" {
			t.Errorf("%s: got %+v", path, got)
		}
		if data.Password && got.InputType != "text" {
			t.Errorf("the password is not shown: %s", got.InputType)
		}
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	t.Parallel()
	data := dataOf(t, visit(t, newPages(t), http.MethodGet, "/links/reset-password", "de").Body.String())
	words := data.wordsMap(t)
	for name, tt := range map[string]struct {
		hash       string
		answers    []apiAnswer
		acts       []string
		status     string
		fault      string
		formHidden bool
		requests   int
	}{
		"no token":               {"", nil, nil, words["no_token"], "", true, 0},
		"another fragment":       {"#x", nil, []string{"submit"}, words["no_token"], "", true, 0},
		"invalid":                {"#token=a", []apiAnswer{problem(422, "invalid_one_time_token")}, []string{"submit", "submit"}, words["invalid"], "", true, 1},
		"no token for the API":   {"#token=a", []apiAnswer{problem(422, "validation_failed", "token", "required")}, []string{"submit"}, words["invalid"], "", true, 1},
		"taken":                  {"#token=a", []apiAnswer{problem(409, "email_taken")}, []string{"submit"}, words["email_taken"], "", true, 1},
		"too common":             {"#token=a", []apiAnswer{problem(422, "validation_failed", "new_password", "too_common")}, []string{"submit"}, "", words["too_common"], false, 1},
		"a fault without words":  {"#token=a", []apiAnswer{problem(422, "validation_failed", "new_password", "later_rule")}, []string{"submit"}, "", "The API's own words.", false, 1},
		"too many":               {"#token=a", []apiAnswer{problem(429, "rate_limited")}, []string{"submit"}, words["later"], "", false, 1},
		"overloaded":             {"#token=a", []apiAnswer{problem(503, "overloaded")}, []string{"submit"}, words["later"], "", false, 1},
		"a fault of the service": {"#token=a", []apiAnswer{problem(500, "internal")}, []string{"submit"}, words["failed"], "", false, 1},
		"no JSON":                {"#token=a", []apiAnswer{{Status: 502, Body: "<html>"}}, []string{"submit"}, words["failed"], "", false, 1},
		"no network":             {"#token=a", nil, []string{"submit"}, words["failed"], "", false, 1},
		"second attempt":         {"#token=a", []apiAnswer{problem(422, "validation_failed", "new_password", "too_short"), {Status: 204}}, []string{"submit", "submit"}, words["done"], "", true, 2},
		"another link":           {"#token=a", []apiAnswer{problem(422, "invalid_one_time_token"), {Status: 204}}, []string{"submit", "open #token=b", "submit"}, words["done"], "", true, 2},
		"the fragment is gone":   {"#token=a", []apiAnswer{{Status: 204}}, []string{"open ", "submit"}, words["done"], "", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := scene{linkData: data, Hash: tt.hash, Answers: tt.answers, Acts: tt.acts}.play(t)
			if got.Status != tt.status || got.Fault != tt.fault || got.FormHidden != tt.formHidden || len(got.Requests) != tt.requests || got.Disabled {
				t.Errorf("got %+v", got)
			}
			if invalid := tt.fault != ""; invalid != (got.Invalid == "true") {
				t.Errorf("aria-invalid: got %q", got.Invalid)
			}
		})
	}
}
