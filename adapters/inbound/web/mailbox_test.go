package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/web"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// caught is a mailbox of fixed content.
type caught []ports.CaughtLetter

func (c caught) Letters() []ports.CaughtLetter { return c }

// mailboxWith serves the messages, newest first, caught a minute apart.
func mailboxWith(letters ...domain.Letter) http.Handler {
	var box caught
	for i, m := range letters {
		box = append(box, ports.CaughtLetter{At: fake.Epoch().Add(-time.Duration(i) * time.Minute), Letter: m})
	}
	return web.Mailbox(box)
}

func ask(t *testing.T, h http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMailboxListsInJSON(t *testing.T) {
	t.Parallel()
	one, two := fake.Letter(1), fake.Letter(2)
	w := ask(t, mailboxWith(two, one), http.MethodGet, "/dev/mail", "application/json")
	if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "application/json" {
		t.Fatalf("got %d of type %q, want 200 of type application/json", w.Code, got)
	}
	var list struct {
		Items []map[string]string `json:"items"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatalf("body %s: %v", w.Body, err)
	}
	if len(list.Items) != 2 || list.Items[1]["id"] != string(one.ID) {
		t.Fatalf("items: got %v, want messages 2 and 1", list.Items)
	}
	want := map[string]string{
		"id": string(two.ID), "kind": "session_theft", "to": two.To, "subject": two.Subject,
		"text": two.Text, "html": two.HTML, "caught_at": fake.Epoch().Format(time.RFC3339Nano),
	}
	for key, value := range want {
		if list.Items[0][key] != value {
			t.Errorf("items[0].%s: got %q, want %q", key, list.Items[0][key], value)
		}
	}
}

func TestMailboxShowsOneInJSON(t *testing.T) {
	t.Parallel()
	one := fake.Letter(1)
	w := ask(t, mailboxWith(one, fake.Letter(2)), http.MethodGet, "/dev/mail/"+string(one.ID), "application/json")
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got["id"] != string(one.ID) || got["text"] != one.Text {
		t.Errorf("got %d %s (%v), want message 1", w.Code, w.Body, err)
	}
}

func TestEmptyMailbox(t *testing.T) {
	t.Parallel()
	h := mailboxWith()
	if w := ask(t, h, http.MethodGet, "/dev/mail", "application/json"); strings.TrimSpace(w.Body.String()) != `{"items":[]}` {
		t.Errorf("JSON: got %s, want an empty list", w.Body)
	}
	if w := ask(t, h, http.MethodGet, "/dev/mail", ""); !strings.Contains(w.Body.String(), "No message yet.") {
		t.Errorf("HTML: got %s, want a word on the emptiness", w.Body)
	}
}

func TestMailboxNeverRendersMessagesAsMarkup(t *testing.T) {
	t.Parallel()
	const attack = `</pre></title><script>alert(1)</script>"'&`
	m := fake.Letter(1, func(m *domain.Letter) { m.Subject, m.Text, m.HTML = attack, attack, attack })
	h := mailboxWith(m)
	for _, path := range []string{"/dev/mail", "/dev/mail/" + string(m.ID)} {
		w := ask(t, h, http.MethodGet, path, "text/html")
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "text/html; charset=utf-8" {
			t.Errorf("%s: got %d of type %q, want 200 of HTML", path, w.Code, got)
		}
		if body := w.Body.String(); strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("%s: got %s, want the message escaped", path, body)
		}
	}
}

func TestMailboxShowsBothPartsAndTheLinks(t *testing.T) {
	t.Parallel()
	const link = "https://auth.example/links/reset-password#token=abc-DEF_123"
	m := fake.Letter(1, func(l *domain.Letter) {
		l.Text = "Open\n\n" + link + "\n\nor javascript:alert(1) or not.\n"
		l.HTML = `<p><a href="` + link + `">Open</a></p>`
	})
	body := ask(t, mailboxWith(m), http.MethodGet, "/dev/mail/"+string(m.ID), "").Body.String()
	for _, want := range []string{`<p><a href="` + link + `">` + link + `</a></p>`, "&lt;p&gt;&lt;a href=&#34;" + link, "or javascript:alert(1) or not."} {
		if !strings.Contains(body, want) {
			t.Errorf("page: got %s, want it to hold %s", body, want)
		}
	}
	if got := strings.Count(body, "href="); got != 3 { // the link, the source, the way back
		t.Errorf("page: got %d links in %s, want 3", got, body)
	}
	plain := fake.Letter(2, func(l *domain.Letter) { l.HTML = "" })
	if body := ask(t, mailboxWith(plain), http.MethodGet, "/dev/mail/"+string(plain.ID), "").Body.String(); strings.Contains(body, "<details>") {
		t.Errorf("page of a letter without HTML: got %s, want no source", body)
	}
}

func TestMailboxPolicyAllowsExactlyItsStyleSheet(t *testing.T) {
	t.Parallel()
	w := ask(t, mailboxWith(fake.Letter(1)), http.MethodGet, "/dev/mail", "text/html")
	_, rest, found := strings.Cut(w.Body.String(), "<style>")
	sheet, _, closed := strings.Cut(rest, "</style>")
	if !found || !closed {
		t.Fatalf("body %s: no style sheet", w.Body)
	}
	digest := sha256.Sum256([]byte(sheet))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := w.Header().Get("Content-Security-Policy"); got != want {
		t.Errorf("Content-Security-Policy: got %q, want %q", got, want)
	}
}

func TestMailboxAnswersAndItsHeaders(t *testing.T) {
	t.Parallel()
	known := "/dev/mail/" + string(fake.Letter(1).ID)
	tests := []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/dev/mail", http.StatusOK},
		{http.MethodHead, "/dev/mail", http.StatusOK}, // the server drops the body
		{http.MethodGet, known, http.StatusOK},
		{http.MethodGet, "/dev/mail/unknown", http.StatusNotFound},
		{http.MethodGet, "/dev/mail/", http.StatusNotFound},
		{http.MethodGet, "/dev/mail/a/b", http.StatusNotFound},
		{http.MethodPost, "/dev/mail", http.StatusMethodNotAllowed},
		{http.MethodDelete, known, http.StatusMethodNotAllowed},
		{http.MethodOptions, known, http.StatusMethodNotAllowed},
	}
	h := mailboxWith(fake.Letter(1))
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			w := ask(t, h, tt.method, tt.path, "")
			if w.Code != tt.status {
				t.Errorf("status: got %d, want %d", w.Code, tt.status)
			}
			if allow := w.Header().Get("Allow"); tt.status == http.StatusMethodNotAllowed && allow != "GET, HEAD" {
				t.Errorf("Allow: got %q, want %q", allow, "GET, HEAD")
			}
			for key, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Vary": "Accept",
			} {
				if got := w.Header().Get(key); got != want {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
			if w.Header().Get("Content-Security-Policy") == "" {
				t.Error("Content-Security-Policy: got none")
			}
		})
	}
}

func TestMailboxChoosesTheFormByAccept(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                 "text/html; charset=utf-8",
		"*/*":              "text/html; charset=utf-8",
		"application/json": "application/json",
		"application/json; charset=utf-8, */*;q=0.1":                "application/json",
		"text/html,application/xhtml+xml,application/json;q=0.9":    "text/html; charset=utf-8",
		"application/problem+json":                                  "text/html; charset=utf-8",
		";;;,application/json":                                      "application/json",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*": "text/html; charset=utf-8",
	}
	h := mailboxWith()
	for accept, want := range tests {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			if got := ask(t, h, http.MethodGet, "/dev/mail", accept).Header().Get("Content-Type"); got != want {
				t.Errorf("Content-Type for %q: got %q, want %q", accept, got, want)
			}
		})
	}
}

func FuzzMailboxAccept(f *testing.F) {
	for _, seed := range []string{"", "application/json", "text/html;q=0.8, application/json", `a/b;c="d,e",*/*`, ";,;", "\x00"} {
		f.Add(seed)
	}
	h := mailboxWith()
	f.Fuzz(func(t *testing.T, accept string) {
		w := ask(t, h, http.MethodGet, "/dev/mail", accept)
		contentType := w.Header().Get("Content-Type")
		if w.Code != http.StatusOK || contentType != "application/json" && contentType != "text/html; charset=utf-8" {
			t.Errorf("Accept %q: got %d of type %q, want 200 in JSON or HTML", accept, w.Code, contentType)
		}
	})
}
