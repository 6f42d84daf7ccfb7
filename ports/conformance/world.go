package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// operation is one call of one store inside a transaction.
type operation struct {
	name string
	run  step
}

const (
	worldGuard = "world"
	day        = 24 * time.Hour
)

// populate fills the store with rows on which every one of writes and reads
// succeeds, alone or after the others.
func populate(s *subject) {
	s.Helper()
	s.given(fake.Account(1), fake.Account(2))
	s.given(fake.Account(5, func(a *domain.Account) { a.EmailVerifiedAt = time.Time{} }), fake.Account(8))
	s.givenSessions(
		fake.Session(1, fake.Account(1)), fake.Session(2, fake.Account(1)),
		fake.Session(3, fake.Account(2)), fake.Session(4, fake.Account(2)),
		fake.Session(5, fake.Account(1), func(old *domain.Session) {
			old.EndedAt, old.EndReason = fake.Epoch().Add(-2*day), domain.EndedByLogout
		}))
	s.update(func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(
			tx.Credentials().Create(ctx, fake.Credential(fake.Account(1))),
			tx.Keys().Create(ctx, fake.SigningKey(1)),
			tx.Keys().Create(ctx, fake.SigningKey(2)),
			tx.Guards().Advance(ctx, worldGuard, 0),
			tx.Audit().Append(ctx, fake.AuditEvent(1)),
			tx.Idempotency().Create(ctx, fake.IdempotencyRecord(1)),
			tx.Idempotency().Create(ctx, fake.IdempotencyRecord(2, func(r *domain.IdempotencyRecord) {
				r.CreatedAt, r.ExpiresAt = fake.Epoch().Add(-3*day), fake.Epoch().Add(-2*day)
			})))
	})
	populateOnce(s)
	// Message 6 is settled, 1 to 4 are claimed, 5 is due.
	due := func(at time.Time) func(*domain.Message) { return func(m *domain.Message) { m.DueAt = at } }
	s.update(func(ctx context.Context, tx ports.Tx) error {
		long, past := fake.Epoch().Add(-2*day), fake.Epoch().Add(-time.Hour)
		outbox := tx.Outbox()
		for n, at := range []time.Time{past, past, past, past, fake.Epoch(), long} {
			if err := outbox.Enqueue(ctx, fake.Message(n+1, due(at))); err != nil {
				return err
			}
		}
		for _, now := range []time.Time{long, past} {
			if _, err := outbox.Claim(ctx, now, fake.Epoch().Add(time.Hour), 10); err != nil {
				return err
			}
		}
		return outbox.Sent(ctx, fake.Message(6).ID, 1, long)
	})
}

// writes lists every method that writes, in calls that change a populated store.
func writes() []operation {
	account, other, cut := fake.Account(1), fake.Account(2), fake.Epoch().Add(-day)
	operations := []operation{
		{"Accounts.Create", func(ctx context.Context, tx ports.Tx) error { return tx.Accounts().Create(ctx, fake.Account(3)) }},
		{"Accounts.Update", func(ctx context.Context, tx ports.Tx) error {
			changed := fake.Account(1, func(a *domain.Account) { a.DisplayName, a.Version.Profile = "Changed", 2 })
			return tx.Accounts().Update(ctx, changed, account.Version)
		}},
		{"Accounts.RecordLogin", func(ctx context.Context, tx ports.Tx) error {
			return tx.Accounts().RecordLogin(ctx, account.ID, 1, 1, fake.Epoch())
		}},
		{"Credentials.Create", func(ctx context.Context, tx ports.Tx) error {
			return tx.Credentials().Create(ctx, fake.Credential(other))
		}},
		{"Credentials.Replace", func(ctx context.Context, tx ports.Tx) error {
			changed := fake.Credential(account, func(c *domain.Credential) { c.Hash, c.Version = domain.NewSecret("changed"), 2 })
			return tx.Credentials().Replace(ctx, changed, 1)
		}},
		{"Sessions.Create", func(ctx context.Context, tx ports.Tx) error {
			return tx.Sessions().Create(ctx, fake.Session(6, account))
		}},
		{"Sessions.Advance", func(ctx context.Context, tx ports.Tx) error {
			session := fake.Session(1, account)
			return tx.Sessions().Advance(ctx, rotated(session), session.Refresh.RefreshPosition)
		}},
		{"Sessions.End", func(ctx context.Context, tx ports.Tx) error {
			ended, err := tx.Sessions().End(ctx, fake.Session(2, account).ID, domain.EndedByLogout, fake.Epoch())
			return didSomething(ended, err)
		}},
		{"Sessions.EndAll", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.Sessions().EndAll(ctx, other.ID, "", domain.EndedByOwner, fake.Epoch())
			return didSomething(n > 0, err)
		}},
		{"Sessions.Purge", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.Sessions().Purge(ctx, cut, 10)
			return didSomething(n > 0, err)
		}},
		{"Keys.Create", func(ctx context.Context, tx ports.Tx) error { return tx.Keys().Create(ctx, fake.SigningKey(3)) }},
		{"Keys.SetState", func(ctx context.Context, tx ports.Tx) error {
			return tx.Keys().SetState(ctx, fake.SigningKey(1).ID, domain.KeyActive, domain.KeyRetired, fake.Epoch())
		}},
		{"Keys.Delete", func(ctx context.Context, tx ports.Tx) error { return tx.Keys().Delete(ctx, fake.SigningKey(2).ID) }},
		{"Guards.Advance", func(ctx context.Context, tx ports.Tx) error { return tx.Guards().Advance(ctx, worldGuard, 1) }},
		{"Outbox.Enqueue", func(ctx context.Context, tx ports.Tx) error { return tx.Outbox().Enqueue(ctx, fake.Message(7)) }},
		{"Outbox.Sent", func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Sent(ctx, fake.Message(1).ID, 1, fake.Epoch())
		}},
		{"Outbox.Retry", func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Retry(ctx, fake.Message(2).ID, 1, fake.Epoch(), "busy")
		}},
		{"Outbox.Return", func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Return(ctx, fake.Message(4).ID, 1, fake.Epoch())
		}},
		{"Outbox.Abandon", func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Abandon(ctx, fake.Message(3).ID, 1, fake.Epoch(), "refused")
		}},
		{"Outbox.Claim", func(ctx context.Context, tx ports.Tx) error {
			claimed, err := tx.Outbox().Claim(ctx, fake.Epoch(), fake.Epoch().Add(time.Hour), 10)
			return didSomething(len(claimed) > 0, err)
		}},
		{"Outbox.Purge", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.Outbox().Purge(ctx, cut, 10)
			return didSomething(n > 0, err)
		}},
		{"Audit.Append", func(ctx context.Context, tx ports.Tx) error { return tx.Audit().Append(ctx, fake.AuditEvent(2)) }},
		{"Idempotency.Create", func(ctx context.Context, tx ports.Tx) error {
			return tx.Idempotency().Create(ctx, fake.IdempotencyRecord(3))
		}},
		{"Idempotency.Purge", func(ctx context.Context, tx ports.Tx) error {
			n, err := tx.Idempotency().Purge(ctx, cut, 10)
			return didSomething(n > 0, err)
		}},
		{"Imports.Create", func(ctx context.Context, tx ports.Tx) error {
			return tx.Imports().Create(ctx, importedFrom(0, 1))
		}},
	}
	return slices.Concat(operations, onceWrites())
}

// reads lists every method that reads, in calls that find something.
func reads() []operation {
	account, page := fake.Account(1), domain.PageRequest{Limit: 10}
	operations := []operation{
		{"Accounts.ByID", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Accounts().ByID(ctx, account.ID)
			return err
		}},
		{"Accounts.ByEmail", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Accounts().ByEmail(ctx, account.Email.Canonical)
			return err
		}},
		{"Accounts.ByUsername", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Accounts().ByUsername(ctx, account.Username.Canonical)
			return err
		}},
		{"Credentials.ByAccount", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Credentials().ByAccount(ctx, account.ID)
			return err
		}},
		{"Credentials.CountSettings", func(ctx context.Context, tx ports.Tx) error {
			counts, err := tx.Credentials().CountSettings(ctx)
			return didSomething(len(counts) > 0, err)
		}},
		{"Sessions.ByID", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Sessions().ByID(ctx, fake.Session(1, account).ID)
			return err
		}},
		{"Sessions.ListActive", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Sessions().ListActive(ctx, account.ID, fake.Epoch(), 0, page)
			return err
		}},
		{"Sessions.SeenFrom", func(ctx context.Context, tx ports.Tx) error {
			given := fake.Session(1, account)
			seen, err := tx.Sessions().SeenFrom(ctx, account.ID, given.UserAgent, given.IP)
			return didSomething(seen, err)
		}},
		{"Keys.List", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Keys().List(ctx)
			return err
		}},
		{"Guards.Read", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Guards().Read(ctx, worldGuard)
			return err
		}},
		{"Audit.List", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Audit().List(ctx, domain.AuditFilter{}, page)
			return err
		}},
		{"Idempotency.ByKey", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Idempotency().ByKey(ctx, fake.IdempotencyRecord(1).Key)
			return err
		}},
		{"Imports.Taken", func(ctx context.Context, tx ports.Tx) error {
			taken, err := tx.Imports().Taken(ctx, []string{account.Email.Canonical}, nil)
			return didSomething(len(taken.Emails) > 0, err)
		}},
	}
	return slices.Concat(operations, onceReads())
}

// dump tells all that can be seen of the rows that populate and writes touch, one
// line each. What only a claim shows is looked at in an Update that is taken back.
func dump(s *subject) []string {
	s.Helper()
	var lines []string
	err := s.try(func(ctx context.Context, tx ports.Tx) error {
		lines = nil
		var faults []error
		note := func(name string, value any, err error) {
			switch {
			case err == nil:
				lines = append(lines, fmt.Sprintf("%s: %+v", name, value))
			case !errors.Is(err, ports.ErrNotFound):
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		}
		for n := range 9 {
			account, err := tx.Accounts().ByID(ctx, fake.Account(n).ID)
			note(fmt.Sprintf("account %d", n), account, err)
			credential, err := tx.Credentials().ByAccount(ctx, fake.Account(n).ID)
			note(fmt.Sprintf("credential %d", n), fmt.Sprintf("%+v of hash %q", credential, credential.Hash.Reveal()), err)
			record, err := tx.Idempotency().ByKey(ctx, fake.IdempotencyRecord(n).Key)
			note(fmt.Sprintf("record %d", n), record, err)
			dumpOnce(ctx, tx, n, note)
		}
		for n := range 7 {
			session, err := tx.Sessions().ByID(ctx, fake.Session(n, fake.Account(1)).ID)
			note(fmt.Sprintf("session %d", n), session, err)
		}
		keys, err := tx.Keys().List(ctx)
		note("keys", keys, err)
		count, err := tx.Guards().Read(ctx, worldGuard)
		note("guard", count, err)
		events, err := tx.Audit().List(ctx, domain.AuditFilter{}, domain.PageRequest{Limit: 10})
		note("events", events.Items, err)
		dumpChain(ctx, tx, note)
		for _, now := range []time.Time{fake.Epoch(), fake.Epoch().Add(9 * day)} {
			claimed, err := tx.Outbox().Claim(ctx, now, now.Add(20*day), 10)
			slices.SortFunc(claimed, func(a, b domain.Message) int { return cmp.Compare(a.ID, b.ID) })
			note(fmt.Sprintf("messages due in year %d, day %d", now.Year(), now.YearDay()), claimed, err)
		}
		settled, err := tx.Outbox().Purge(ctx, fake.Epoch().Add(9*day), 10)
		note("settled messages", settled, err)
		if err := errors.Join(faults...); err != nil {
			return err
		}
		return errTakenBack
	})
	if !errors.Is(err, errTakenBack) {
		s.Fatalf("reading the state failed: %v", err)
	}
	return lines
}

// unchanged checks that the state is still before.
func (s *subject) unchanged(what string, before []string) {
	s.Helper()
	after := dump(s)
	for _, line := range before {
		if !slices.Contains(after, line) {
			s.Errorf("%s: lost\n%s", what, line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			s.Errorf("%s: kept\n%s", what, line)
		}
	}
}

var (
	errTakenBack = errors.New("conformance: taken back on purpose")
	errNothing   = errors.New("conformance: the call changed nothing")
)

func didSomething(did bool, err error) error {
	if err == nil && !did {
		return errNothing
	}
	return err
}

// rotated is the session after its present token was spent an hour after Epoch.
func rotated(s domain.Session) domain.Session {
	limits := domain.SessionLimits{Idle: 14 * day, Absolute: 30 * day}
	return s.Rotated(s.Refresh.Counter, "k2", []byte("retry key"), limits, fake.Epoch().Add(time.Hour))
}
