package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/core/upkeep"
	"authserve/ports"
	"authserve/ports/fake"
)

// week is the age at which the accounts of these tests are removed.
const week = 7 * day

// keeping is a bench that also removes accounts, tokens and counts.
func keeping(t *testing.T, options ...func(*upkeep.Config)) *bench {
	t.Helper()
	return newBench(t, append([]func(*upkeep.Config){func(cfg *upkeep.Config) {
		cfg.UnverifiedAfter, cfg.KeyRotation = week, 0
	}}, options...)...)
}

// origin is who made an account.
type origin struct {
	action domain.AuditAction
	actor  domain.ActorKind
}

func itself() origin { return origin{domain.AuditAccountCreated, domain.ActorAnonymous} }

// account adds account n, made at the instant by o, and returns it.
func (b *bench) account(t *testing.T, n int, at time.Time, o origin, options ...func(*domain.Account)) domain.Account {
	t.Helper()
	a := fake.Account(n, append([]func(*domain.Account){func(a *domain.Account) {
		a.EmailVerifiedAt, a.CreatedAt = time.Time{}, at
	}}, options...)...)
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Accounts().Create(ctx, a); err != nil {
			return err
		}
		if err := tx.Credentials().Create(ctx, fake.Credential(a)); err != nil {
			return err
		}
		if o == (origin{}) {
			return nil
		}
		actor := domain.Actor{Kind: o.actor, IP: "192.0.2.7", UserAgent: "Example/1.0", CorrelationID: "c"}
		return tx.Audit().Append(ctx, fake.AuditEvent(n, func(e *domain.AuditEvent) {
			e.At, e.Actor, e.Action, e.Subject = at, actor, o.action, a.ID
		}))
	})
	return a
}

func (b *bench) exists(t *testing.T, id domain.ID) bool {
	t.Helper()
	err := b.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Accounts().ByID(ctx, id)
		return err
	})
	if err != nil && !errors.Is(err, ports.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func (b *bench) run(t *testing.T) upkeep.Report {
	t.Helper()
	report, err := b.Run(t.Context())
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return report
}

func TestAccountsThatNobodyVerifiedAreRemoved(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	type kept struct {
		account domain.Account
		stays   bool
	}
	accounts := map[string]kept{
		"registered and never verified": {b.account(t, 1, fake.Epoch(), itself()), false},
		"verified":                      {b.account(t, 2, fake.Epoch(), itself(), func(a *domain.Account) { a.EmailVerifiedAt = fake.Epoch() }), true},
		"younger by a microsecond":      {b.account(t, 3, fake.Epoch().Add(time.Microsecond), itself()), true},
		"made by an operator":           {b.account(t, 4, fake.Epoch().Add(-week), origin{domain.AuditAccountCreated, domain.ActorOperator}), true},
		"imported":                      {b.account(t, 5, fake.Epoch().Add(-week), origin{domain.AuditAccountImported, domain.ActorAnonymous}), true},
		"of unknown origin":             {b.account(t, 6, fake.Epoch().Add(-week), origin{}), true},
		"used while that was allowed":   {b.account(t, 7, fake.Epoch(), itself(), func(a *domain.Account) { a.LastLoginAt = fake.Epoch() }), true},
	}
	b.clock.Advance(week)
	if got := b.run(t); got.Accounts != 0 {
		t.Errorf("%d accounts removed at the age of a week; want none", got.Accounts)
	}
	b.clock.Advance(time.Microsecond)
	if got := b.run(t); got.Accounts != 1 {
		t.Errorf("%d accounts removed; want 1", got.Accounts)
	}
	for name, k := range accounts {
		if b.exists(t, k.account.ID) != k.stays {
			t.Errorf("%s: stays %t; want %t", name, !k.stays, k.stays)
		}
	}
	gone := accounts["registered and never verified"].account.ID
	events := b.events(t, gone)
	if len(events) != 2 || events[0].Action != domain.AuditAccountExpired || len(events[0].Detail) != 0 {
		t.Errorf("events = %+v; want the removal in the audit log", events)
	}
}

func TestAccountsStayWhereNobodyMustVerify(t *testing.T) {
	t.Parallel()
	b := keeping(t, func(cfg *upkeep.Config) { cfg.UnverifiedAfter = 0 })
	a := b.account(t, 1, fake.Epoch(), itself())
	b.clock.Advance(400 * day)
	if got := b.run(t); got.Accounts != 0 || !b.exists(t, a.ID) {
		t.Errorf("removed %d", got.Accounts)
	}
}

// Accounts that stay do not hide the others, and each transaction is bounded.
func TestManyAccountsAreRemovedInBatches(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	for n := range 3 * batch {
		b.account(t, n, fake.Epoch().Add(-week), origin{domain.AuditAccountImported, domain.ActorOperator})
	}
	const many = 25*batch + 3
	for n := range many {
		b.account(t, 1000+n, fake.Epoch(), itself())
	}
	b.clock.Advance(week + day)
	b.calls.updates = 0
	if got := b.run(t); got.Accounts != many {
		t.Errorf("%d accounts removed; want %d", got.Accounts, many)
	}
	if b.calls.updates < many/batch || b.calls.updates > many/batch+10 {
		t.Errorf("%d transactions; want about one for each %d accounts", b.calls.updates, batch)
	}
	for n := range 3 * batch {
		if !b.exists(t, fake.Account(n).ID) {
			t.Fatalf("imported account %d is gone", n)
		}
	}
}

// verifying is a store in which an account is verified between being found and being
// removed.
type verifying struct {
	ports.Store
	found bool
	do    func(ctx context.Context) error
}

func (s *verifying) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	s.found = true
	return s.Store.View(ctx, fn)
}

func (s *verifying) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if do := s.do; s.found && do != nil {
		s.do = nil
		if err := do(ctx); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, fn)
}

// One account that is verified just now does not keep the others of its batch.
func TestAnAccountThatChangesMeanwhileIsLeft(t *testing.T) {
	t.Parallel()
	store := &verifying{Store: memstore.New()}
	b := newBenchOver(t, store, func(cfg *upkeep.Config) { cfg.UnverifiedAfter, cfg.KeyRotation = week, 0 })
	saved := b.account(t, 1, fake.Epoch(), itself())
	lost := b.account(t, 2, fake.Epoch(), itself())
	b.clock.Advance(week + time.Hour)
	store.found = false
	store.do = func(ctx context.Context) error {
		return store.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			next := saved
			next.EmailVerifiedAt = b.clock.Now()
			next.Version.Profile++
			return tx.Accounts().Update(ctx, next, saved.Version)
		})
	}
	if report := b.run(t); report.Accounts != 1 {
		t.Errorf("Run: %+v; want one account removed", report)
	}
	if !b.exists(t, saved.ID) || b.exists(t, lost.ID) {
		t.Errorf("verified one stays: %t, other goes: %t", b.exists(t, saved.ID), !b.exists(t, lost.ID))
	}
}

func (b *bench) events(t *testing.T, subject domain.ID) (events []domain.AuditEvent) {
	t.Helper()
	err := b.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		page, err := tx.Audit().List(ctx, domain.AuditFilter{Subject: subject}, domain.PageRequest{Limit: domain.MaxPageLimit})
		events = page.Items
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// erased adds and removes an account about which there are n events.
func (b *bench) erased(t *testing.T, account, n int) domain.ID {
	t.Helper()
	a := b.account(t, account, b.clock.Now(), origin{}, func(a *domain.Account) { a.EmailVerifiedAt = fake.Epoch() })
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		for i := range n {
			event := fake.AuditEvent(100_000*account+i, func(e *domain.AuditEvent) {
				e.Subject, e.Actor.ID = a.ID, string(a.ID)
				if i%2 == 1 { // what the account did to another
					e.Subject = fake.Account(account + 1).ID
				}
			})
			if err := tx.Audit().Append(ctx, event); err != nil {
				return err
			}
		}
		return tx.Erasures().Erase(ctx, a.ID, a.Version, b.clock.Now())
	})
	return a.ID
}

func TestWhatIsPersonalLeavesTheAuditLogOfRemovedAccounts(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	const n = 4*batch + 1
	id := b.erased(t, 1, n)
	b.clock.Advance(time.Minute - time.Microsecond)
	if got := b.run(t); got.Anonymised != 0 {
		t.Errorf("%d events anonymised within a minute; want none", got.Anonymised)
	}
	b.clock.Advance(time.Microsecond)
	b.calls.updates = 0
	if got := b.run(t); got.Anonymised != n {
		t.Errorf("%d events anonymised; want %d", got.Anonymised, n)
	}
	if b.calls.updates < n/batch+5 {
		t.Errorf("%d transactions; want one for each %d events", b.calls.updates, batch)
	}
	for _, subject := range []domain.ID{id, fake.Account(2).ID} {
		for _, e := range b.events(t, subject) {
			if e.Actor.IP != "" || e.Actor.UserAgent != "" || e.Actor.Kind != domain.ActorAccount || e.Action != domain.AuditLoginSucceeded {
				t.Errorf("event = %+v", e)
			}
		}
	}
	if got := b.run(t); got.Anonymised != 0 {
		t.Errorf("%d events anonymised again", got.Anonymised)
	}
	err := b.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		note, err := tx.Erasures().ByAccount(ctx, id)
		if !note.FinishedAt.Equal(b.clock.Now()) {
			t.Errorf("note = %+v; want it finished now", note)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestManyErasuresAreFinishedInOneRound(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	const accounts = 2*batch + 3
	for i := range accounts {
		b.erased(t, 2*i, 3)
	}
	b.clock.Advance(time.Hour)
	young := b.erased(t, 1000, 3)
	if got := b.run(t); got.Anonymised != 3*accounts {
		t.Errorf("%d events anonymised; want %d", got.Anonymised, 3*accounts)
	}
	if events := b.events(t, young); len(events) == 0 || events[0].Actor.IP == "" {
		t.Errorf("the account of just now is not spared: %+v", events)
	}
	b.clock.Advance(time.Hour)
	if got := b.run(t); got.Anonymised != 3 {
		t.Errorf("%d events anonymised in the next round; want 3", got.Anonymised)
	}
}

func TestTokensAndCountsArePurged(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	a := b.account(t, 1, fake.Epoch(), itself(), func(a *domain.Account) { a.EmailVerifiedAt = fake.Epoch() })
	const n = 2*batch + 1
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		for i := range n {
			token := fake.OneTimeToken(i, a, func(token *domain.OneTimeToken) {
				token.Purpose, token.Address.Canonical = domain.TokenUndoEmail, fmt.Sprintf("a%d@example.org", i)
			})
			if err := tx.OneTimeTokens().Put(ctx, token); err != nil {
				return err
			}
			if _, err := tx.Throttles().Fail(ctx, slices.Repeat([]byte{byte(i)}, 32), fake.Epoch()); err != nil {
				return err
			}
		}
		return nil
	})
	for _, tc := range []struct {
		at   time.Duration
		want upkeep.Report
	}{
		{30 * time.Minute, upkeep.Report{}},
		{30*time.Minute + time.Microsecond, upkeep.Report{OneTimeTokens: n}},
		{90 * day, upkeep.Report{}},
		{90*day + time.Microsecond, upkeep.Report{Failures: n}},
	} {
		b.clock.Set(fake.Epoch().Add(tc.at))
		if got := b.run(t); got != tc.want {
			t.Errorf("after %v: %+v; want %+v", tc.at, got, tc.want)
		}
	}
}

func TestFaultsOfErasureAreNamed(t *testing.T) {
	t.Parallel()
	for view, want := range map[int]string{1: "remove accounts", 2: "anonymise"} {
		b := keeping(t)
		b.account(t, 1, fake.Epoch(), itself())
		b.clock.Advance(week + day)
		b.calls.failView = view
		report, err := b.Run(t.Context())
		if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %+v, %v; want %q named", report, err, want)
		}
	}
}
