package cache

import (
	"time"

	"authserve/core/domain"
)

// maxRows is how many rows a View may have read to be kept.
const maxRows = 4

// key is one row.
type key struct {
	kind kind
	id   domain.ID
}

type kind uint8

const (
	accountRow kind = iota
	sessionRow
)

// view is what one View read. It is never changed once it is kept.
type view struct {
	first    key
	accounts []domain.Account
	sessions []domain.Session
	at       time.Time // before its snapshot
	since    moment    // before its snapshot
}

func (v *view) rows() int { return len(v.accounts) + len(v.sessions) }

func (v *view) addAccount(a domain.Account) {
	if v.rows() == 0 {
		v.first = key{accountRow, a.ID}
	}
	if _, known := v.account(a.ID); !known {
		v.accounts = append(v.accounts, a.Clone())
	}
}

func (v *view) addSession(s domain.Session) {
	if v.rows() == 0 {
		v.first = key{sessionRow, s.ID}
	}
	if _, known := v.session(s.ID); !known {
		v.sessions = append(v.sessions, s.Clone())
	}
}

// account returns a copy of the row, which its reader may change.
func (v *view) account(id domain.ID) (domain.Account, bool) {
	for i := range v.accounts {
		if v.accounts[i].ID == id {
			return v.accounts[i].Clone(), true
		}
	}
	return domain.Account{}, false
}

// session returns a copy of the row, which its reader may change.
func (v *view) session(id domain.ID) (domain.Session, bool) {
	for i := range v.sessions {
		if v.sessions[i].ID == id {
			return v.sessions[i].Clone(), true
		}
	}
	return domain.Session{}, false
}

// standsIn reports whether l knows of no write to any row since the view's snapshot.
// The writes to a session's account count as writes to it: EndAll names only that.
func (v *view) standsIn(l *ledger) bool {
	if !l.untouchedBut(v.since) {
		return false
	}
	for i := range v.sessions {
		if s := &v.sessions[i]; !l.untouched(s.ID, v.since) || !l.untouched(s.AccountID, v.since) {
			return false
		}
	}
	for i := range v.accounts {
		if !l.untouched(v.accounts[i].ID, v.since) {
			return false
		}
	}
	return true
}

// isYounger reports whether the view is younger than limit.
func (v *view) isYounger(limit time.Duration, now time.Time) bool {
	age := now.Sub(v.at)
	return age >= 0 && age < limit
}
