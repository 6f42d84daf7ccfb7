package bootstrap_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	anchored = regexp.MustCompile(`\]\(([^)#\s]*)#([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	fenced   = regexp.MustCompile("(?ms)^```.*?^```")
	linked   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	given    = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
)

// anchorsOf are the places of a document that links can name, as GitHub makes them of
// its headings.
func anchorsOf(text string) map[string]bool {
	found := map[string]bool{}
	text = fenced.ReplaceAllString(text, "") // a comment of a script is no heading
	for _, m := range given.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, linked.ReplaceAllString(m[1], "$1"))
		anchor := slug
		for n := 1; found[anchor]; n++ { // the same heading again
			anchor = fmt.Sprintf("%s-%d", slug, n)
		}
		found[anchor] = true
	}
	return found
}

func TestAnchorsInDocumentsResolve(t *testing.T) {
	t.Parallel()
	all, seen := texts(t), 0
	for path, text := range all {
		for _, m := range anchored.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") { // another site
				continue
			}
			target := path
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(path), m[1])
			}
			if filepath.Ext(target) != ".md" { // a line of a file
				continue
			}
			seen++
			if !anchorsOf(all[target])[m[2]] {
				t.Errorf("%s links to %s#%s, and no heading there is called so", path, m[1], m[2])
			}
		}
	}
	if seen == 0 {
		t.Error("no link names a heading: nothing was checked")
	}
}
