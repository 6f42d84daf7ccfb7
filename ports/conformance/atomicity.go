package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func atomicityCases() []Case {
	return []Case{
		{
			"atomicity.commit_keeps_all", true,
			"When the closure of Update returns nil, every write of it is kept, whichever store of the Tx it went through.",
			commitKeepsAll,
		},
		{
			"atomicity.error_rolls_back", true,
			"When the closure of Update returns an error, none of its writes, whichever store they went through, leaves a trace.",
			errorRollsBack,
		},
		{
			"atomicity.panic_rolls_back_and_goes_on", true,
			"A panic in the closure of Update or View rolls back and goes on to the caller with its value; the store stays usable.",
			panicRollsBackAndGoesOn,
		},
		{
			"atomicity.late_conflict_rolls_back", true,
			"When the last of several writes meets a conflict or a stale version and the closure returns that error, the earlier writes are gone too.",
			lateConflictRollsBack,
		},
		{
			"atomicity.closure_error_unchanged", true,
			"Both doors return the closure's error unchanged.",
			closureErrorUnchanged,
		},
		{
			"atomicity.reads_own_writes", true,
			"Inside Update, reads see the earlier writes of the same transaction.",
			readsOwnWrites,
		},
		{
			"atomicity.view_refuses_writes", true,
			"Every method that writes fails with ErrReadOnly inside View and changes nothing.",
			viewRefusesWrites,
		},
		{
			"atomicity.tx_ends_with_closure", true,
			"After its closure a Tx answers every call with an error and changes nothing.",
			txEndsWithClosure,
		},
	}
}

// allWrites makes every write one after the other.
func allWrites(ctx context.Context, tx ports.Tx) error {
	for _, op := range writes() {
		if err := op.run(ctx, tx); err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
	}
	return nil
}

func commitKeepsAll(s *subject) {
	populate(s)
	before := dump(s)
	s.update(allWrites)
	var untouched, added []string
	for _, line := range dump(s) {
		name, _, _ := strings.Cut(line, ":")
		switch {
		case slices.Contains(before, line):
			untouched = append(untouched, name)
		case !slices.ContainsFunc(before, func(old string) bool { return strings.HasPrefix(old, name+":") }):
			added = append(added, name)
		}
	}
	equal(s, "what the writes left as it was", untouched, []string{"record 1", "account 2", "account 5", "token 5"})
	equal(s, "what the writes added", added, []string{
		"account 0", "credential 0", "count 1", "credential 2", "account 3", "record 3", "token 4",
		"messages to account 7", "erasure 8", "session 6",
	})
}

func errorRollsBack(s *subject) {
	populate(s)
	before := dump(s)
	err := s.try(func(ctx context.Context, tx ports.Tx) error {
		if err := allWrites(ctx, tx); err != nil {
			return err
		}
		return errTakenBack
	})
	s.fails("Update", err, errTakenBack)
	s.unchanged("after an error", before)
}

func panicRollsBackAndGoesOn(s *subject) {
	populate(s)
	before := dump(s)
	doors := map[string]func() error{
		"Update": func() error {
			return s.try(func(ctx context.Context, tx ports.Tx) error {
				if err := allWrites(ctx, tx); err != nil {
					return err
				}
				panic(errTakenBack)
			})
		},
		"View": func() error {
			return s.store.View(s.Context(), func(context.Context, ports.Tx) error { panic(errTakenBack) })
		},
	}
	for name, door := range doors {
		if got := panicOf(door); got != any(errTakenBack) {
			s.Errorf("%s: got panic %v, want %v", name, got, errTakenBack)
		}
		s.unchanged("after a panic in "+name, before)
	}
}

// panicOf returns what call panics with; when it returns, its error.
func panicOf(call func() error) (value any) {
	defer func() {
		if v := recover(); v != nil {
			value = v
		}
	}()
	return call()
}

func lateConflictRollsBack(s *subject) {
	populate(s)
	before := dump(s)
	conflict := s.try(func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Guards().Advance(ctx, worldGuard, 1); err != nil {
			return err
		}
		return tx.Accounts().Create(ctx, fake.Account(9, func(a *domain.Account) { a.Email = fake.Account(1).Email }))
	})
	s.conflicts("creating with a taken address", conflict, "email")
	s.unchanged("after a conflict", before)
	stale := s.try(func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Accounts().Create(ctx, fake.Account(3)); err != nil {
			return err
		}
		return tx.Guards().Advance(ctx, worldGuard, 7)
	})
	s.fails("advancing from a wrong count", stale, ports.ErrStale)
	s.unchanged("after a stale write", before)
}

func closureErrorUnchanged(s *subject) {
	for _, want := range []error{
		errTakenBack,
		domain.Invalid(domain.FieldError{Field: "email", Code: domain.CodeRequired, Message: "An e-mail address is required."}),
		fmt.Errorf("closing the account: %w", ports.ErrStale),
		ports.Conflict("email"),
		ports.ErrUnavailable.Wrap(errTakenBack),
		fmt.Errorf("another context ended: %w", context.Canceled),
	} {
		fn := func(context.Context, ports.Tx) error { return want }
		for door, got := range map[string]error{"Update": s.try(fn), "View": s.store.View(s.Context(), fn)} {
			if !errors.Is(got, want) || got.Error() != want.Error() {
				s.Errorf("%s: got error %v, want %v", door, got, want)
			}
		}
	}
}

func readsOwnWrites(s *subject) {
	account, session := fake.Account(1), fake.Session(1, fake.Account(1))
	s.update(func(ctx context.Context, tx ports.Tx) error {
		if err := errors.Join(
			tx.Accounts().Create(ctx, account),
			tx.Credentials().Create(ctx, fake.Credential(account)),
			tx.Sessions().Create(ctx, session),
			tx.Guards().Advance(ctx, worldGuard, 0),
		); err != nil {
			return err
		}
		found, err := tx.Accounts().ByEmail(ctx, account.Email.Canonical)
		if err != nil {
			return err
		}
		page, err := tx.Sessions().ListActive(ctx, account.ID, fake.Epoch(), 0, domain.PageRequest{Limit: 5})
		if err != nil {
			return err
		}
		count, err := tx.Guards().Read(ctx, worldGuard)
		equal(s, "the account", found, account)
		equal(s, "the sessions", ids(page.Items, sessionID), []domain.ID{session.ID})
		equal(s, "the guard", count, 1)
		return err
	})
}

func viewRefusesWrites(s *subject) {
	populate(s)
	before := dump(s)
	for _, op := range writes() {
		err := s.store.View(s.Context(), op.run)
		s.fails(op.name+" inside View", err, ports.ErrReadOnly)
	}
	s.unchanged("after writes inside View", before)
}

func txEndsWithClosure(s *subject) {
	populate(s)
	before := dump(s)
	var kept ports.Tx
	keep := func(_ context.Context, tx ports.Tx) error {
		kept = tx
		return nil
	}
	try := func(door string, operations []operation) {
		for _, op := range operations {
			if err := op.run(s.Context(), kept); err == nil {
				s.Errorf("%s after the end of %s: got no error", op.name, door)
			}
		}
	}
	s.update(keep)
	try("Update", writes())
	try("Update", reads())
	s.view(keep)
	try("View", writes())
	try("View", reads())
	s.unchanged("after the use of ended transactions", before)
}
