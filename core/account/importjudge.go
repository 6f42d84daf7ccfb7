package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"authserve/core/domain"
	"authserve/ports"
)

// outcome is what becomes of a row.
type outcome int

const (
	outcomeRefused outcome = iota
	outcomeNew
	outcomeKnown // imported before
)

// verdict is what becomes of a row, with the fault of a refused one.
type verdict struct {
	outcome outcome
	fault   domain.FieldError
}

func refused(field string, code domain.Code, message string) verdict {
	return verdict{fault: domain.FieldError{Field: field, Code: code, Message: message}}
}

// judge decides about every row of the batch, in their order. With lookAtIDs it
// also finds accounts that were imported and have another e-mail address by now.
func (r *importRun) judge(ctx context.Context, tx ports.Tx, lookAtIDs bool) ([]verdict, error) {
	var emails, usernames []string
	for i := range r.batch {
		c := &r.batch[i]
		if !c.legal() {
			continue
		}
		emails = append(emails, c.imported.Account.Email.Canonical)
		if username := c.imported.Account.Username; !username.IsZero() {
			usernames = append(usernames, username.Canonical)
		}
	}
	j := judgement{run: r, here: make(map[identifierKey]uint32, len(emails)+len(usernames))}
	if len(emails) > 0 {
		taken, err := tx.Imports().Taken(ctx, emails, usernames)
		if err != nil {
			return nil, err
		}
		j.taken = taken
	}
	verdicts := make([]verdict, len(r.batch))
	for i := range r.batch {
		c := &r.batch[i]
		v := j.of(c)
		if v.outcome == outcomeNew && lookAtIDs {
			_, err := tx.Accounts().ByID(ctx, c.imported.Account.ID)
			switch {
			case err == nil:
				v.outcome = outcomeKnown
			case !errors.Is(err, ports.ErrNotFound):
				return nil, err
			}
		}
		if v.outcome != outcomeRefused {
			c.record(j.here)
		}
		verdicts[i] = v
	}
	return verdicts, nil
}

// judgement is the decision about one batch.
type judgement struct {
	run   *importRun
	taken domain.TakenIdentifiers
	here  map[identifierKey]uint32 // as importRun.seen, of this batch
}

func (j judgement) of(c *candidate) verdict {
	if !c.legal() {
		return verdict{fault: c.fault}
	}
	if line, found := j.earlier(c.emailKey); found {
		return refused("email", CodeDuplicate, fmt.Sprintf("Row %d has the same e-mail address.", line))
	}
	a := &c.imported.Account
	owner, found := j.taken.Emails[a.Email.Canonical]
	switch {
	case found && owner == a.ID:
		return verdict{outcome: outcomeKnown}
	case found:
		return refused("email", domain.CodeEmailTaken, errEmailTaken.Message)
	case a.Username.IsZero():
		return verdict{outcome: outcomeNew}
	}
	if line, found := j.earlier(c.usernameKey); found {
		return refused("username", CodeDuplicate, fmt.Sprintf("Row %d has the same username.", line))
	}
	owner, found = j.taken.Usernames[a.Username.Canonical]
	switch {
	case found && owner == a.ID: // and has another e-mail address by now
		return verdict{outcome: outcomeKnown}
	case found:
		return refused("username", domain.CodeUsernameTaken, errUsernameTaken.Message)
	default:
		return verdict{outcome: outcomeNew}
	}
}

// earlier returns the line of the earlier row that has the identifier.
func (j judgement) earlier(key identifierKey) (uint32, bool) {
	if line, found := j.here[key]; found {
		return line, true
	}
	line, found := j.run.seen[key]
	return line, found
}

// identifierKey stands for an e-mail address or username: a part of its SHA-256
// that two of a file's identifiers will not share, and that keeps the memory for a
// million rows with both below 100 MB.
type identifierKey [12]byte

// newIdentifierKey makes the key of a canonical identifier. E-mail addresses hold
// an @ and usernames none, so both may lie in one set.
func newIdentifierKey(canonical string) identifierKey {
	sum := sha256.Sum256([]byte(canonical))
	return identifierKey(sum[:len(identifierKey{})])
}

// record keeps the identifiers of a row that was not refused.
func (c *candidate) record(into map[identifierKey]uint32) {
	line := uint32(min(max(c.line, 0), math.MaxUint32))
	into[c.emailKey] = line
	if !c.imported.Account.Username.IsZero() {
		into[c.usernameKey] = line
	}
}
