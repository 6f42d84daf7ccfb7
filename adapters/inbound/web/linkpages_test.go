package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"golang.org/x/net/html"

	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/inbound/web"
	"authserve/core/domain"
	"authserve/ports/fake"
)

// linkPages are the paths of all pages.
func linkPages() []string {
	return []string{"/links/verify-email", "/links/undo-email", "/links/reset-password"}
}

func newPages(t testing.TB) *httpkit.Router {
	t.Helper()
	rt, err := httpkit.New(httpkit.Config{Issuer: "https://auth.example", RequestTimeout: time.Minute}, httpkit.Deps{
		Logger: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meters: noop.NewMeterProvider(),
		Clock: fake.NewClock(fake.Epoch()), IDs: new(fake.IDs),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := web.MountLinkPages(rt, web.LinkPagesConfig{MinPasswordLength: 15}); err != nil {
		t.Fatal(err)
	}
	return rt
}

func visit(t testing.TB, rt http.Handler, method, target string, languages ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for _, l := range languages {
		r.Header.Add("Accept-Language", l)
	}
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, r)
	return w
}

// between is the text of an element that stands once in a document.
func between(t testing.TB, document, element string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "<"+element+">")
	text, after, closed := strings.Cut(rest, "</"+element+">")
	if !found || !closed || strings.Contains(after, "<"+element) {
		t.Fatalf("not one %s in\n%s", element, document)
	}
	return text
}

func TestLinkPagesAreTheContracts(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromFile("../../../docs/api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var documented, registered []string
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if slices.Contains(operation.Tags, "page") {
				documented = append(documented, method+" "+path)
			}
		}
	}
	for _, r := range newPages(t).Routes() {
		registered = append(registered, r.Method+" "+r.Path)
	}
	slices.Sort(documented)
	slices.Sort(registered)
	if !slices.Equal(documented, registered) {
		t.Errorf("documented %q, registered %q", documented, registered)
	}
}

func TestLinkPagesAllowNothingButTheirOwn(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	hash := func(text string) string {
		digest := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
	}
	for _, path := range linkPages() {
		for _, language := range []string{"en", "de"} {
			w := visit(t, rt, http.MethodGet, path, language)
			page := w.Body.String()
			for name, want := range map[string]string{
				"Content-Type":               "text/html; charset=utf-8",
				"Content-Language":           language,
				"Vary":                       "Accept-Language",
				"Cache-Control":              "no-store",
				"Referrer-Policy":            "no-referrer",
				"X-Content-Type-Options":     "nosniff",
				"X-Frame-Options":            "DENY",
				"Cross-Origin-Opener-Policy": "same-origin",
				"Content-Security-Policy": "default-src 'none'; script-src " + hash(between(t, page, "script")) + "; style-src " + hash(between(t, page, "style")) +
					"; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
			} {
				if got := w.Header().Get(name); w.Code != http.StatusOK || got != want {
					t.Errorf("%s in %s: %d, %s: got %q, want %q", path, language, w.Code, name, got, want)
				}
			}
			if w.Header().Values("Set-Cookie") != nil {
				t.Errorf("%s sets a cookie", path)
			}
			if found := regexp.MustCompile(`(?i)https?:|//[a-z]|\s(src|href|action|style|on[a-z]+)=|@import|url\(|<(a|base|link|iframe|img|object)\b`).FindString(strings.ReplaceAll(page, "  // ", "")); found != "" {
				t.Errorf("%s in %s holds %q", path, language, found)
			}
		}
	}
}

func TestLinkPagesTakeNothingFromTheirAddress(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for _, path := range linkPages() {
		plain := visit(t, rt, http.MethodGet, path).Body.String()
		if got := visit(t, rt, http.MethodGet, path+"?token=secret&lang=de&%zz=%3Cscript%3E"); got.Code != http.StatusOK || got.Body.String() != plain {
			t.Errorf("%s with a query: got %d and another page", path, got.Code)
		}
	}
}

func TestOtherLinksAndMethods(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for _, path := range []string{"/links", "/links/", "/links/verify_email", "/links/verify-email/", "/links/verify-email/x", "/links/..%2fverify-email", "/links/Verify-Email"} {
		if got := visit(t, rt, http.MethodGet, path); got.Code != http.StatusNotFound || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s", path, got.Code, got.Header())
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if got := visit(t, rt, method, linkPages()[0]); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: got %d, Allow %q", method, got.Code, got.Header().Get("Allow"))
		}
	}
	if got := visit(t, rt, http.MethodHead, linkPages()[0]); got.Code != http.StatusOK {
		t.Errorf("HEAD: got %d", got.Code)
	}
}

func TestLinkPagesSpeakTheReadersLanguage(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for accept, want := range map[string]string{
		"": "en", "*": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "en-GB,de;q=0.9": "en", "fr,de;q=0.5": "de",
		"fr": "en", "ja-JP": "en", "de;q=0,en": "en", "x": "en", ";;;": "en", "\x00": "en", strings.Repeat("de-", 4000): "en",
	} {
		w := visit(t, rt, http.MethodGet, linkPages()[0], accept)
		if got := w.Header().Get("Content-Language"); got != want || !strings.Contains(w.Body.String(), `<html lang="`+want+`">`) {
			t.Errorf("%.40q: got %q, want %q", accept, got, want)
		}
	}
}

// TestLinkPagesAreAccessible: what assistive technology needs of the document (WCAG 2.2:
// 1.3.1, 2.4.2, 3.1.1, 3.3.2, 4.1.2, 4.1.3).
func TestLinkPagesAreAccessible(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for _, path := range linkPages() {
		for _, language := range []string{"en", "de"} {
			document, err := html.Parse(visit(t, rt, http.MethodGet, path, language).Body)
			if err != nil {
				t.Fatal(err)
			}
			ids, labelled, named, count := map[string]bool{}, map[string]bool{}, []string{}, map[string]int{}
			for n := range document.Descendants() {
				if n.Type != html.ElementNode {
					continue
				}
				count[n.Data]++
				attributes := map[string]string{}
				for _, a := range n.Attr {
					attributes[a.Key] = a.Val
				}
				if id := attributes["id"]; id != "" {
					if ids[id] {
						t.Errorf("%s: id %s stands twice", path, id)
					}
					ids[id] = true
				}
				switch n.Data {
				case "html":
					if attributes["lang"] != language {
						t.Errorf("%s: lang is %q", path, attributes["lang"])
					}
				case "label":
					labelled[attributes["for"]] = true
				case "input":
					named = append(named, attributes["id"])
					for id := range strings.FieldsSeq(attributes["aria-describedby"]) {
						defer func() {
							if !ids[id] {
								t.Errorf("%s: nothing has the id %s", path, id)
							}
						}()
					}
				case "title", "h1", "button":
					if n.FirstChild == nil || strings.TrimSpace(n.FirstChild.Data) == "" {
						t.Errorf("%s: an empty %s", path, n.Data)
					}
				}
			}
			for _, id := range named {
				if !labelled[id] {
					t.Errorf("%s: input %s has no label", path, id)
				}
			}
			for _, tag := range []string{"title", "main", "h1", "form", "button", "noscript"} {
				if count[tag] != 1 {
					t.Errorf("%s: %d of %s", path, count[tag], tag)
				}
			}
			if !ids["status"] {
				t.Errorf("%s: no place for what happened", path)
			}
		}
	}
}

// TestLinkPagesHaveWordsForEveryFault: what the policy for passwords can answer is said
// in the reader's language.
func TestLinkPagesHaveWordsForEveryFault(t *testing.T) {
	t.Parallel()
	rt := newPages(t)
	for _, language := range []string{"en", "de"} {
		words := dataOf(t, visit(t, rt, http.MethodGet, "/links/reset-password", language).Body.String()).wordsMap(t)
		for _, code := range []domain.Code{
			domain.CodeRequired, domain.CodeTooShort, domain.CodeTooLong, domain.CodeInvalidCharacter,
			domain.CodeTooCommon, domain.CodeContainsContext, domain.CodeBreached,
		} {
			if words[string(code)] == "" {
				t.Errorf("%s: no words for %s", language, code)
			}
		}
		if !strings.Contains(words["too_short"], "15") {
			t.Errorf("%s: %q does not tell the length", language, words["too_short"])
		}
	}
}

func FuzzLinkPageLanguages(f *testing.F) {
	for _, seed := range []string{"", "de-CH;q=0.4, *", "de;q=1.0000", strings.Repeat("a,", 2000), "\xff"} {
		f.Add(seed)
	}
	rt := newPages(f)
	f.Fuzz(func(t *testing.T, accept string) {
		w := visit(t, rt, http.MethodGet, "/links/undo-email", accept)
		if language := w.Header().Get("Content-Language"); w.Code != http.StatusOK || language != "en" && language != "de" {
			t.Errorf("%q: got %d in %q", accept, w.Code, language)
		}
	})
}
