package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"strings"
	"time"

	"authserve/ports"
)

// Mailbox serves GET /dev/mail, the caught messages newest first, and
// GET /dev/mail/{id}, one of them; paths are not stripped of a prefix. It answers
// in JSON to clients that prefer it by Accept, otherwise in HTML.
func Mailbox(m ports.Mailbox) http.Handler {
	pages := mailboxPages{
		mailbox: m,
		list:    template.Must(template.New("list").Parse(page("Developer mailbox", listBody))),
		one:     template.Must(template.New("one").Parse(page("{{.Subject}}", messageBody))),
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /dev/mail", pages.serveList)
	routes.HandleFunc("GET /dev/mail/{id}", pages.serveOne)
	return protect(routes)
}

// caughtMessage is one message on the wire and in the templates.
type caughtMessage struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	To       string    `json:"to"`
	Subject  string    `json:"subject"`
	Text     string    `json:"text"`
	HTML     string    `json:"html"` // source, never rendered here
	CaughtAt time.Time `json:"caught_at"`
}

// Links are those of the text, so that the page can be walked on from.
func (m caughtMessage) Links() []string {
	var links []string
	for word := range strings.FieldsSeq(m.Text) {
		if strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://") {
			links = append(links, word)
		}
	}
	return links
}

type mailboxPages struct {
	mailbox   ports.Mailbox
	list, one *template.Template
}

func (p mailboxPages) messages() []caughtMessage {
	caught := p.mailbox.Letters()
	messages := make([]caughtMessage, 0, len(caught))
	for _, c := range caught {
		messages = append(messages, caughtMessage{
			ID: string(c.Letter.ID), Kind: string(c.Letter.Kind), To: c.Letter.To,
			Subject: c.Letter.Subject, Text: c.Letter.Text, HTML: c.Letter.HTML, CaughtAt: c.At,
		})
	}
	return messages
}

func (p mailboxPages) serveList(w http.ResponseWriter, r *http.Request) {
	list := struct {
		Items []caughtMessage `json:"items"`
	}{p.messages()}
	answer(w, r, p.list, list)
}

func (p mailboxPages) serveOne(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	for _, m := range p.messages() {
		if m.ID == id {
			answer(w, r, p.one, m)
			return
		}
	}
	http.NotFound(w, r)
}

// answer renders value before anything is sent, so a fault is a clean 500.
func answer(w http.ResponseWriter, r *http.Request, page *template.Template, value any) {
	var body bytes.Buffer
	var err error
	contentType := "text/html; charset=utf-8"
	if wantsJSON(r.Header.Values("Accept")) {
		contentType = "application/json"
		err = json.NewEncoder(&body).Encode(value)
	} else {
		err = page.Execute(&body, value)
	}
	if err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body.Bytes()) // the client left
}

// wantsJSON reports whether JSON stands before HTML in the Accept fields. Weights
// are not looked at: browsers name HTML first, and programs only JSON.
func wantsJSON(accept []string) bool {
	for field := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, _, err := mime.ParseMediaType(field)
		switch {
		case err != nil:
		case mediaType == "application/json":
			return true
		case mediaType == "text/html":
			return false
		}
	}
	return false
}

// protect adds the headers that every answer carries, refusals too. The one style
// sheet is allowed by its hash; nothing else is loaded, run or framed.
func protect(next http.Handler) http.Handler {
	digest := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Accept")
		next.ServeHTTP(w, r)
	})
}
