package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type step = func(ctx context.Context, tx ports.Tx) error

// faulty is a store with other doors.
type faulty struct {
	view, update func(ctx context.Context, fn step) error
}

func (f faulty) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return f.view(ctx, fn)
}

func (f faulty) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return f.update(ctx, fn)
}

// inside plants a fault in the transactions of s.
func inside(s ports.Store, plant func(ports.Tx) ports.Tx) ports.Store {
	wrap := func(fn step) step {
		return func(ctx context.Context, tx ports.Tx) error { return fn(ctx, plant(tx)) }
	}
	return faulty{
		view:   func(ctx context.Context, fn step) error { return s.View(ctx, wrap(fn)) },
		update: func(ctx context.Context, fn step) error { return s.Update(ctx, wrap(fn)) },
	}
}

type fault struct {
	fault string
	plant func(ports.Store) ports.Store
	cases []string
}

func faults() []fault {
	return []fault{
		{"commits what the closure gave up", leaking, []string{"atomicity.error_rolls_back", "atomicity.late_conflict_rolls_back", "isolation.uncommitted_is_invisible"}},
		{"swallows panics", swallowing, []string{"atomicity.panic_rolls_back_and_goes_on"}},
		{"reports every failure as its own", renaming, []string{"atomicity.closure_error_unchanged"}},
		{"writes inside View", writable, []string{"atomicity.view_refuses_writes"}},
		{"runs a View without a snapshot", unisolated, []string{"isolation.view_is_one_snapshot"}},
		{"ignores contexts", deaf, []string{"contexts.ended_before", "contexts.ended_before_commit"}},
		{"updates accounts unconditionally", with(func(tx ports.Tx) ports.Tx { return blindAccounts{Tx: tx} }), []string{"accounts.update_is_conditional", "races.account_update"}},
		{"records any login", with(func(tx ports.Tx) ports.Tx { return anyLogin{Tx: tx} }), []string{"accounts.record_login_is_conditional", "generations.login_against_password_change"}},
		{"re-hashes unconditionally", with(func(tx ports.Tx) ports.Tx { return blindCredentials{Tx: tx} }), []string{"credentials.replace_is_conditional", "generations.rehash_against_password_change"}},
		{"advances sessions unconditionally", with(func(tx ports.Tx) ports.Tx { return blindSessions{Tx: tx} }), []string{"sessions.advance_is_conditional", "sessions.advance_moves_generation", "races.session_advance"}},
		{"leaves a session in its generation", with(func(tx ports.Tx) ports.Tx { return ageless{Tx: tx} }), []string{"sessions.advance_moves_generation"}},
		{"ends sessions twice", with(func(tx ports.Tx) ports.Tx { return endless{Tx: tx} }), []string{"sessions.end", "races.session_end"}},
		{"takes a message for what it says it is", with(func(tx ports.Tx) ports.Tx { return credulous{Tx: tx} }), []string{"outbox.enqueue_is_pending"}},
		{"misses the last session", with(func(tx ports.Tx) ports.Tx { return shortSighted{Tx: tx} }), []string{"sessions.list_active_last", "sessions.list_active"}},
		{"claims without a lease", with(func(tx ports.Tx) ports.Tx { return leaseless{Tx: tx} }), []string{"outbox.lease", "races.outbox_claim"}},
		{"counts a return as a failure", with(func(tx ports.Tx) ports.Tx { return blaming{Tx: tx} }), []string{"outbox.return"}},
		{"counts no failures", with(func(tx ports.Tx) ports.Tx { return forgiving{Tx: tx} }), []string{"outbox.retry"}},
		{"returns local time", with(func(tx ports.Tx) ports.Tx { return local{Tx: tx} }), []string{"accounts.create_then_read", "instants.return_in_utc"}},
		{"compares addresses as typed", with(func(tx ports.Tx) ports.Tx { return asTyped{Tx: tx} }), []string{"accounts.email_is_unique"}},
		{"hands out what it keeps", sharing, []string{"memory.nothing_is_shared"}},
		{"forgets where a page ended", with(func(tx ports.Tx) ports.Tx { return forgetful{Tx: tx} }), []string{"paging.limit_and_end", "paging.ties_by_id"}},
	}
}

func with(plant func(ports.Tx) ports.Tx) func(ports.Store) ports.Store {
	return func(s ports.Store) ports.Store { return inside(s, plant) }
}

func leaking(s ports.Store) ports.Store {
	return faulty{view: s.View, update: func(ctx context.Context, fn step) error {
		var verdict error
		err := s.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			verdict = fn(ctx, tx)
			return nil
		})
		return errors.Join(verdict, err)
	}}
}

func swallowing(s ports.Store) ports.Store {
	return faulty{view: s.View, update: func(ctx context.Context, fn step) (err error) {
		defer func() {
			if recover() != nil {
				err = errFault
			}
		}()
		return s.Update(ctx, fn)
	}}
}

func renaming(s ports.Store) ports.Store {
	rename := func(err error) error {
		if err != nil {
			return ports.ErrUnavailable.Wrap(err)
		}
		return nil
	}
	return faulty{
		view:   func(ctx context.Context, fn step) error { return rename(s.View(ctx, fn)) },
		update: func(ctx context.Context, fn step) error { return rename(s.Update(ctx, fn)) },
	}
}

func writable(s ports.Store) ports.Store { return faulty{view: s.Update, update: s.Update} }

// unisolated gives each read of a View a transaction of its own.
func unisolated(s ports.Store) ports.Store {
	return faulty{update: s.Update, view: func(ctx context.Context, fn step) error { return fn(ctx, looseTx{store: s}) }}
}

type looseTx struct {
	ports.Unsupported
	store ports.Store
}

func (t looseTx) Guards() ports.Guards { return looseGuards{store: t.store} }

type looseGuards struct {
	ports.UnsupportedGuards
	store ports.Store
}

func (l looseGuards) Read(ctx context.Context, name string) (count int64, err error) {
	err = l.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		count, err = tx.Guards().Read(ctx, name)
		return err
	})
	return count, err
}

func deaf(s ports.Store) ports.Store {
	return faulty{
		view:   func(ctx context.Context, fn step) error { return s.View(context.WithoutCancel(ctx), fn) },
		update: func(ctx context.Context, fn step) error { return s.Update(context.WithoutCancel(ctx), fn) },
	}
}

type blindAccounts struct{ ports.Tx }

func (t blindAccounts) Accounts() ports.Accounts { return blindAccountStore{t.Tx.Accounts()} }

type blindAccountStore struct{ ports.Accounts }

func (a blindAccountStore) Update(ctx context.Context, account domain.Account, _ domain.AccountVersion) error {
	kept, err := a.ByID(ctx, account.ID)
	if err != nil {
		return err
	}
	return a.Accounts.Update(ctx, account, kept.Version)
}

type anyLogin struct{ ports.Tx }

func (t anyLogin) Accounts() ports.Accounts { return anyLoginStore{t.Tx.Accounts()} }

type anyLoginStore struct{ ports.Accounts }

func (a anyLoginStore) RecordLogin(ctx context.Context, id domain.ID, _, _ int64, at time.Time) error {
	kept, err := a.ByID(ctx, id)
	if err != nil {
		return err
	}
	return a.Accounts.RecordLogin(ctx, id, kept.Version.AuthGeneration, kept.Version.Credential, at)
}

type blindCredentials struct{ ports.Tx }

func (t blindCredentials) Credentials() ports.Credentials {
	return blindCredentialStore{t.Tx.Credentials()}
}

type blindCredentialStore struct{ ports.Credentials }

func (c blindCredentialStore) Replace(ctx context.Context, credential domain.Credential, _ int64) error {
	kept, err := c.ByAccount(ctx, credential.AccountID)
	if err != nil {
		return err
	}
	return c.Credentials.Replace(ctx, credential, kept.Version)
}

type blindSessions struct{ ports.Tx }

func (t blindSessions) Sessions() ports.Sessions { return blindSessionStore{t.Tx.Sessions()} }

type blindSessionStore struct{ ports.Sessions }

func (s blindSessionStore) Advance(ctx context.Context, session domain.Session, _ domain.RefreshPosition) error {
	kept, err := s.ByID(ctx, session.ID)
	if err != nil {
		return err
	}
	return s.Sessions.Advance(ctx, session, kept.Refresh.RefreshPosition)
}

type ageless struct{ ports.Tx }

func (t ageless) Sessions() ports.Sessions { return agelessStore{t.Tx.Sessions()} }

type agelessStore struct{ ports.Sessions }

func (s agelessStore) Advance(ctx context.Context, session domain.Session, from domain.RefreshPosition) error {
	kept, err := s.ByID(ctx, session.ID)
	if err != nil {
		return err
	}
	session.Generation = kept.Generation
	return s.Sessions.Advance(ctx, session, from)
}

type endless struct{ ports.Tx }

func (t endless) Sessions() ports.Sessions { return endlessStore{t.Tx.Sessions()} }

type endlessStore struct{ ports.Sessions }

func (s endlessStore) End(ctx context.Context, id domain.ID, reason domain.EndReason, at time.Time) (bool, error) {
	_, err := s.Sessions.End(ctx, id, reason, at)
	return true, err
}

type leaseless struct{ ports.Tx }

func (t leaseless) Outbox() ports.Outbox { return leaselessStore{t.Tx.Outbox()} }

type leaselessStore struct{ ports.Outbox }

// Claim gives each message back at once, twice at most, so that claimants end.
func (o leaselessStore) Claim(ctx context.Context, now, leaseEnd time.Time, limit int) ([]domain.Message, error) {
	claimed, err := o.Outbox.Claim(ctx, now, leaseEnd, limit)
	for _, m := range claimed {
		if m.Attempt < 3 {
			err = errors.Join(err, o.Return(ctx, m.ID, m.Attempt, now))
		}
	}
	return claimed, err
}

type credulous struct{ ports.Tx }

func (t credulous) Outbox() ports.Outbox { return credulousStore{t.Tx.Outbox()} }

type credulousStore struct{ ports.Outbox }

func (o credulousStore) Enqueue(ctx context.Context, m domain.Message) error {
	err := o.Outbox.Enqueue(ctx, m)
	if err == nil && m.State == domain.MessageSent {
		err = o.Sent(ctx, m.ID, m.Attempt, m.SettledAt)
	}
	return err
}

type shortSighted struct{ ports.Tx }

func (t shortSighted) Sessions() ports.Sessions { return shortSightedStore{t.Tx.Sessions()} }

type shortSightedStore struct{ ports.Sessions }

func (o shortSightedStore) ListActive(ctx context.Context, accountID domain.ID, now time.Time, skip int, page domain.PageRequest) (domain.Page[domain.Session], error) {
	if skip > 0 {
		if further, err := o.Sessions.ListActive(ctx, accountID, now, skip+1, page); err != nil || len(further.Items) == 0 {
			return further, err
		}
	}
	return o.Sessions.ListActive(ctx, accountID, now, skip, page)
}

type blaming struct{ ports.Tx }

func (t blaming) Outbox() ports.Outbox { return blamingStore{t.Tx.Outbox()} }

type blamingStore struct{ ports.Outbox }

func (o blamingStore) Return(ctx context.Context, id domain.ID, attempt int, due time.Time) error {
	return o.Retry(ctx, id, attempt, due, "")
}

type forgiving struct{ ports.Tx }

func (t forgiving) Outbox() ports.Outbox { return forgivingStore{t.Tx.Outbox()} }

type forgivingStore struct{ ports.Outbox }

func (o forgivingStore) Retry(ctx context.Context, id domain.ID, attempt int, due time.Time, _ string) error {
	return o.Return(ctx, id, attempt, due)
}

type local struct{ ports.Tx }

func (t local) Accounts() ports.Accounts { return localStore{t.Tx.Accounts()} }

type localStore struct{ ports.Accounts }

func (a localStore) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	account, err := a.Accounts.ByID(ctx, id)
	account.CreatedAt = account.CreatedAt.In(time.FixedZone("here", 2*3600))
	return account, err
}

type asTyped struct{ ports.Tx }

func (t asTyped) Accounts() ports.Accounts { return asTypedStore{t.Tx.Accounts()} }

type asTypedStore struct{ ports.Accounts }

func (a asTypedStore) Create(ctx context.Context, account domain.Account) error {
	account.Email.Canonical = account.Email.Address
	return a.Accounts.Create(ctx, account)
}

// sharing reads each account once and hands out the same slices ever after.
func sharing(s ports.Store) ports.Store {
	cache := &accountCache{accounts: map[domain.ID]domain.Account{}}
	return inside(s, func(tx ports.Tx) ports.Tx { return cached{Tx: tx, cache: cache} })
}

type accountCache struct {
	mu       sync.Mutex
	accounts map[domain.ID]domain.Account
}

type cached struct {
	ports.Tx
	cache *accountCache
}

func (t cached) Accounts() ports.Accounts { return cachedStore{t.Tx.Accounts(), t.cache} }

type cachedStore struct {
	ports.Accounts
	cache *accountCache
}

func (a cachedStore) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	if account, ok := a.cache.accounts[id]; ok {
		return account, nil
	}
	account, err := a.Accounts.ByID(ctx, id)
	if err != nil {
		return domain.Account{}, fmt.Errorf("reading through: %w", err)
	}
	a.cache.accounts[id] = account
	return account, nil
}

type forgetful struct{ ports.Tx }

func (t forgetful) Audit() ports.Audit { return forgetfulStore{t.Tx.Audit()} }

type forgetfulStore struct{ ports.Audit }

// List goes on after the instant of a position and forgets its ID.
func (a forgetfulStore) List(ctx context.Context, filter domain.AuditFilter, page domain.PageRequest) (domain.Page[domain.AuditEvent], error) {
	if page.After != nil {
		page.After = &domain.Position{At: page.After.At}
	}
	got, err := a.Audit.List(ctx, filter, page)
	got.Items = slices.Clone(got.Items)
	if got.Next == nil && len(got.Items) == page.Limit {
		got.Next = &domain.Position{At: got.Items[page.Limit-1].At, ID: got.Items[page.Limit-1].ID}
	}
	return got, err
}
