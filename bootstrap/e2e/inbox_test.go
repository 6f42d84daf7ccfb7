package e2e_test

import (
	"net/http"
	"regexp"
	"testing"

	"authserve/bootstrap/harness"
)

// inbox reads the developer mailbox of a service.
type inbox struct {
	t    *testing.T
	ops  harness.Client
	read map[string]bool // letters by id
}

func newInbox(t *testing.T, p *harness.Process) *inbox {
	t.Helper()
	return &inbox{t: t, ops: harness.NewClient(p.Ops), read: map[string]bool{}}
}

// letter is a mail as the mailbox shows it.
type letter struct{ ID, Kind, To, Subject, Text, HTML string }

// letters are all that arrived so far, newest first.
func (m *inbox) letters() []letter {
	m.t.Helper()
	var list struct{ Items []letter }
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.ops.Base+"/dev/mail", http.NoBody)
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	a, err := m.ops.Send(r)
	if err != nil || a.Status != http.StatusOK {
		m.t.Fatalf("mailbox: %d %v", a.Status, err)
	}
	if err := a.Decode(&list); err != nil {
		m.t.Fatal(err)
	}
	return list.Items
}

// next waits for a letter of the kind to the address that was not asked for before.
func (m *inbox) next(kind, to string) letter {
	m.t.Helper()
	var found letter
	wait(m.t, func() bool {
		for _, l := range m.letters() {
			if l.Kind == kind && l.To == to && !m.read[l.ID] {
				found = l
				m.read[l.ID] = true
				return true
			}
		}
		return false
	})
	return found
}

// link is the link of a letter.
type link struct{ base, page, token string }

var linkPattern = regexp.MustCompile(`(\S+)(/links/[a-z-]+)#token=([A-Za-z0-9_-]+)`)

// link waits for a letter and returns its one link, which text and HTML share.
func (m *inbox) link(kind, to string) link {
	m.t.Helper()
	l := m.next(kind, to)
	found := linkPattern.FindAllStringSubmatch(l.Text, -1)
	if len(found) != 1 {
		m.t.Fatalf("%s to %s has %d links:\n%s", kind, to, len(found), l.Text)
	}
	for _, other := range linkPattern.FindAllStringSubmatch(l.HTML, -1) {
		if other[3] != found[0][3] {
			m.t.Errorf("%s to %s: the HTML links elsewhere: %q", kind, to, other)
		}
	}
	return link{base: found[0][1], page: found[0][2], token: found[0][3]}
}

// token is that of the link in the next letter of the kind to the address.
func (m *inbox) token(kind, to string) string {
	m.t.Helper()
	return m.link(kind, to).token
}
