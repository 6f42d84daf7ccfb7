package conformance

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// step is the closure of a door.
type step = func(ctx context.Context, tx ports.Tx) error

// subject is the store under test, with the calls that cases share.
type subject struct {
	TB
	store ports.Store
}

// try runs fn in one Update and returns its error.
func (s *subject) try(fn step) error { return s.store.Update(s.Context(), fn) }

// update runs fn in one Update that must succeed.
func (s *subject) update(fn step) {
	s.Helper()
	if err := s.try(fn); err != nil {
		s.Fatalf("Update failed: %v", err)
	}
}

// view runs fn in one View that must succeed.
func (s *subject) view(fn step) {
	s.Helper()
	if err := s.store.View(s.Context(), fn); err != nil {
		s.Fatalf("View failed: %v", err)
	}
}

// given adds accounts that must be accepted.
func (s *subject) given(accounts ...domain.Account) {
	s.Helper()
	s.update(func(ctx context.Context, tx ports.Tx) error {
		for _, a := range accounts {
			if err := tx.Accounts().Create(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// givenSessions adds sessions that must be accepted.
func (s *subject) givenSessions(sessions ...domain.Session) {
	s.Helper()
	s.update(func(ctx context.Context, tx ports.Tx) error {
		for _, session := range sessions {
			if err := tx.Sessions().Create(ctx, session); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *subject) account(id domain.ID) domain.Account {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Account, error) { return tx.Accounts().ByID(ctx, id) })
}

func (s *subject) session(id domain.ID) domain.Session {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Session, error) { return tx.Sessions().ByID(ctx, id) })
}

func (s *subject) credential(account domain.ID) domain.Credential {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Credential, error) {
		return tx.Credentials().ByAccount(ctx, account)
	})
}

func (s *subject) guard(name string) int64 {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (int64, error) { return tx.Guards().Read(ctx, name) })
}

// fails checks that err is want, by errors.Is.
func (s *subject) fails(what string, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// conflicts checks that err is a conflict of one of the fields.
func (s *subject) conflicts(what string, err error, fields ...string) {
	s.Helper()
	got, ok := ports.ConflictField(err)
	for _, want := range fields {
		if ok && got == want {
			return
		}
	}
	s.Errorf("%s: got error %v (field %q), want a conflict of %q", what, err, got, fields)
}

// read returns what fn reads in one View.
func read[T any](s *subject, fn func(ctx context.Context, tx ports.Tx) (T, error)) T {
	s.Helper()
	var got T
	s.view(func(ctx context.Context, tx ports.Tx) (err error) {
		got, err = fn(ctx, tx)
		return err
	})
	return got
}

// write returns what fn returns in one Update that must succeed.
func write[T any](s *subject, fn func(ctx context.Context, tx ports.Tx) (T, error)) T {
	s.Helper()
	var got T
	s.update(func(ctx context.Context, tx ports.Tx) (err error) {
		got, err = fn(ctx, tx)
		return err
	})
	return got
}

// equal checks that got is want: instants also in zone and precision, while an
// empty slice or map is as good as none.
func equal[T any](s *subject, what string, got, want T) {
	s.Helper()
	if !reflect.DeepEqual(withoutEmpties(got), withoutEmpties(want)) {
		s.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func withoutEmpties(value any) any {
	switch v := value.(type) {
	case domain.Account:
		v.Roles = noneIfEmpty(v.Roles)
		return v
	case domain.Session:
		v.AuthMethods = noneIfEmpty(v.AuthMethods)
		v.Refresh.Nonce = noneIfEmpty(v.Refresh.Nonce)
		v.Refresh.RetryKey = noneIfEmpty(v.Refresh.RetryKey)
		return v
	case domain.AuditEvent:
		if len(v.Detail) == 0 {
			v.Detail = nil
		}
		return v
	default:
		return value
	}
}

func noneIfEmpty[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// ids returns the identifiers of rows, in order.
func ids[T any](rows []T, id func(T) domain.ID) []domain.ID {
	out := make([]domain.ID, len(rows))
	for i, row := range rows {
		out[i] = id(row)
	}
	return out
}

func sessionID(s domain.Session) domain.ID  { return s.ID }
func messageID(m domain.Message) domain.ID  { return m.ID }
func eventID(e domain.AuditEvent) domain.ID { return e.ID }
func keyID(k domain.SigningKey) domain.ID   { return k.ID }

// contenders is how many callers a race for something spendable once has.
const contenders = 16

// contend calls fn n times at once and returns the errors in order of i.
func contend(n int, fn func(i int) error) []error {
	start := make(chan struct{})
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// oneWinner checks that exactly one contender succeeded and that the others lost
// with an error that loser accepts.
func (s *subject) oneWinner(errs []error, loser func(error) bool) {
	s.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !loser(err):
			s.Errorf("a contender got %v, which is neither success nor a lost race", err)
		}
	}
	if won != 1 {
		s.Errorf("got %d winners of %d contenders, want 1", won, len(errs))
	}
}

func isStale(err error) bool { return errors.Is(err, ports.ErrStale) }

func isConflict(field string) func(error) bool {
	return func(err error) bool {
		got, ok := ports.ConflictField(err)
		return ok && got == field
	}
}

// patience bounds the waits that end in milliseconds with a store that conforms.
const patience = 20 * time.Second

// impatience is for contexts whose end is awaited: long enough for a store that
// need not wait, short enough for a test.
const impatience = 50 * time.Millisecond
