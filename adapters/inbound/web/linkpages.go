package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the parts of the pages
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"

	"golang.org/x/text/language"

	"authserve/adapters/inbound/httpkit"
)

var (
	//go:embed pages/link.html
	linkBody string
	//go:embed pages/link.css
	linkStyle string
	//go:embed pages/link.js
	linkScript string
)

// LinkPagesConfig says what the pages tell.
type LinkPagesConfig struct {
	MinPasswordLength int // in characters
}

// MountLinkPages registers at rt the pages that the links of mails lead to:
// GET /links/verify-email, /links/undo-email and /links/reset-password.
//
// The token stands in the fragment of the link, which browsers send to nobody. The
// script takes it out of the address bar and sends it to the API when the person
// presses the button, and not before: scanners that open links, even those that run
// scripts, spend nothing. Calls are relative to the page, so that a proxy may serve all
// of it below a path.
func MountLinkPages(rt *httpkit.Router, cfg LinkPagesConfig) error {
	for _, p := range linkPages() {
		handler := linkPage{matcher: language.NewMatcher(linkLanguages())}
		for _, tag := range linkLanguages() {
			document, err := p.render(tag, cfg)
			if err != nil {
				return fmt.Errorf("web: page %s: %w", p.path, err)
			}
			handler.documents = append(handler.documents, document)
		}
		rt.Handle(http.MethodGet, p.path, handler)
	}
	return nil
}

// linkPage is one page in every language.
type linkPage struct {
	matcher   language.Matcher
	documents [][]byte // as linkLanguages
}

// ServeHTTP implements http.Handler.
func (p linkPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, index := language.MatchStrings(p.matcher, r.Header["Accept-Language"]...)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", linkLanguages()[index].String())
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Security-Policy", linkPolicy())
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Robots-Tag", "noindex")
	_, _ = w.Write(p.documents[index]) // a client that left cannot be told
}

// linkPolicy allows the one script and the one style sheet by their hashes, and calls
// of our own origin. The form never submits itself.
func linkPolicy() string {
	return "default-src 'none'; script-src " + hashOf(linkScript) + "; style-src " + hashOf(linkStyle) +
		"; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
}

// hashOf is the source expression for inline text (CSP level 3, section 6.7.2).
func hashOf(text string) string {
	digest := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

// render makes the document. Script and style sheet are put in as they are, for their
// hashes must hold, and templates take comments out.
func (p pageOfLink) render(tag language.Tag, cfg LinkPagesConfig) ([]byte, error) {
	words, common := p.in(tag), commonIn(tag)
	said, err := json.Marshal(common.said(words, cfg))
	if err != nil {
		return nil, err
	}
	body, err := template.New("page").Parse(linkBody)
	if err != nil {
		return nil, err
	}
	document := bytes.NewBufferString(`<!doctype html>
<html lang="` + tag.String() + `">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>` + template.HTMLEscapeString(words.Title) + `</title>
<style>` + linkStyle + `</style>
</head>
`)
	err = body.Execute(document, struct {
		Call, Words, Hint string
		ChoosesPassword   bool
		Page              pageWords
		Common            commonWords
	}{p.call, string(said), common.hint(cfg), p.choosesPassword, words, common})
	document.WriteString("<script>" + linkScript + "</script>\n</html>\n")
	return document.Bytes(), err
}
