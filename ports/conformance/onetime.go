package conformance

import (
	"bytes"
	"context"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func oneTimeCases() []Case {
	return []Case{
		{
			"one_time.put_then_read", true,
			"A token is read with every field by its whole hash, expired or not; an unknown hash is ErrNotFound.",
			tokenPutThenRead,
		},
		{
			"one_time.need_their_account", true,
			"Put of a token of an account that does not exist is ErrNotFound and keeps nothing.",
			tokenNeedsItsAccount,
		},
		{
			"one_time.newer_ends_older", true,
			"Put replaces the token of its slot that is older, or as old, by CreatedAt; where that is newer, by a microsecond too, it is ErrStale and stays.",
			tokenNewerEndsOlder,
		},
		{
			"one_time.put_again", true,
			"Put of the same token again replaces it: there is one, with the later expiry.",
			tokenPutAgain,
		},
		{
			"one_time.hash_is_unique", true,
			"Put of a token whose hash is in another slot is a conflict of hash and leaves both slots as they were.",
			tokenHashIsUnique,
		},
		{
			"one_time.slots", true,
			"Tokens of other accounts, of other purposes, and to undo for other addresses stand beside one another.",
			tokenSlots,
		},
		{
			"one_time.spend", true,
			"Spend removes the token, expired or not; of one that is spent, replaced or unknown it is ErrStale. Other tokens stay.",
			tokenSpend,
		},
		{
			"one_time.end_all", true,
			"EndAll removes the account's tokens of the purposes, returns how many, and leaves every other.",
			tokenEndAll,
		},
		{
			"one_time.list_by_account", true,
			"ListByAccount returns the account's tokens with every field, expired ones too, oldest first and those of one instant by hash.",
			tokenListByAccount,
		},
		{
			"one_time.holder", true,
			"Holder finds the account by a token to undo for exactly the canonical address that has not expired at the instant, of several the oldest, and by no token of another purpose; otherwise it is ErrNotFound.",
			tokenHolder,
		},
		{
			"one_time.purge", false,
			"Purge removes at most the given number of tokens that expired before the instant, and returns how many.",
			tokenPurge,
		},
	}
}

func (s *subject) put(t domain.OneTimeToken) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.OneTimeTokens().Put(ctx, t) })
}

func (s *subject) spend(hash []byte) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.OneTimeTokens().Spend(ctx, hash) })
}

// givenTokens adds tokens that must be accepted.
func (s *subject) givenTokens(tokens ...domain.OneTimeToken) {
	s.Helper()
	for _, t := range tokens {
		if err := s.put(t); err != nil {
			s.Fatalf("Put: got error %v, want none", err)
		}
	}
}

func (s *subject) tokenFound(hash []byte) error {
	return found(s, func(ctx context.Context, tx ports.Tx) (domain.OneTimeToken, error) {
		return tx.OneTimeTokens().ByHash(ctx, hash)
	})
}

func (s *subject) tokens(account domain.ID) []domain.OneTimeToken {
	s.Helper()
	return noneIfEmpty(read(s, func(ctx context.Context, tx ports.Tx) ([]domain.OneTimeToken, error) {
		return tx.OneTimeTokens().ListByAccount(ctx, account)
	}))
}

func (s *subject) holder(canonical string, now time.Time) (id domain.ID, err error) {
	err = s.store.View(s.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		id, err = tx.OneTimeTokens().Holder(ctx, canonical, now)
		return err
	})
	return id, err
}

// toUndo makes a token one to take the address back.
func toUndo(address domain.Email) func(*domain.OneTimeToken) {
	return func(t *domain.OneTimeToken) { t.Purpose, t.Address = domain.TokenUndoEmail, address }
}

// tokenExpiresAt makes a token one that expires at the instant.
func tokenExpiresAt(at time.Time) func(*domain.OneTimeToken) {
	return func(t *domain.OneTimeToken) { t.ExpiresAt = at }
}

// askedAt makes a token one that was asked for at the instant.
func askedAt(at time.Time) func(*domain.OneTimeToken) {
	return func(t *domain.OneTimeToken) { t.CreatedAt = at }
}

func tokenPutThenRead(s *subject) {
	account := fake.Account(1)
	s.given(account)
	for n, purpose := range []domain.TokenPurpose{
		domain.TokenVerifyEmail, domain.TokenChangeEmail, domain.TokenUndoEmail, domain.TokenResetPassword,
	} {
		want := fake.OneTimeToken(n, account, func(t *domain.OneTimeToken) {
			t.Purpose, t.Generation = purpose, int64(1)<<40+int64(n)
			t.Address = domain.Email{Address: "Some.Body@Bücher.Example", Canonical: "some.body@xn--bcher-kva.example"}
			t.CreatedAt, t.ExpiresAt = fake.Epoch().Add(-9*day), fake.Epoch().Add(-8*day)
		})
		s.givenTokens(want)
		equal(s, "the token", read(s, func(ctx context.Context, tx ports.Tx) (domain.OneTimeToken, error) {
			return tx.OneTimeTokens().ByHash(ctx, want.Hash)
		}), want)
		s.fails("the beginning of a hash", s.tokenFound(want.Hash[:31]), ports.ErrNotFound)
	}
	s.fails("an unknown hash", s.tokenFound(fake.OneTimeToken(9, account).Hash), ports.ErrNotFound)
}

func tokenNeedsItsAccount(s *subject) {
	token := fake.OneTimeToken(1, fake.Account(1))
	s.fails("Put without an account", s.put(token), ports.ErrNotFound)
	s.fails("the refused token", s.tokenFound(token.Hash), ports.ErrNotFound)
}

func tokenNewerEndsOlder(s *subject) {
	account := fake.Account(1)
	s.given(account)
	kept := fake.OneTimeToken(1, account)
	s.givenTokens(kept)
	for n, age := range []time.Duration{0, time.Microsecond, time.Hour} {
		next := fake.OneTimeToken(n+2, account, askedAt(kept.CreatedAt.Add(age)))
		s.givenTokens(next)
		s.fails("the token before", s.tokenFound(kept.Hash), ports.ErrNotFound)
		equal(s, "the tokens", s.tokens(account.ID), []domain.OneTimeToken{next})
		kept = next
	}
	for n, age := range []time.Duration{time.Microsecond, time.Hour} {
		late := fake.OneTimeToken(n+5, account, askedAt(kept.CreatedAt.Add(-age)))
		s.fails("Put of an older token", s.put(late), ports.ErrStale)
		s.fails("the older token", s.tokenFound(late.Hash), ports.ErrNotFound)
		equal(s, "the tokens after a stale one", s.tokens(account.ID), []domain.OneTimeToken{kept})
	}
}

func tokenPutAgain(s *subject) {
	account := fake.Account(1)
	s.given(account)
	token := fake.OneTimeToken(1, account)
	for range 3 {
		token.ExpiresAt = token.ExpiresAt.Add(time.Minute)
		s.givenTokens(token)
		equal(s, "the tokens", s.tokens(account.ID), []domain.OneTimeToken{token})
	}
}

func tokenHashIsUnique(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.given(account, other)
	first := fake.OneTimeToken(1, account)
	second := fake.OneTimeToken(2, other)
	s.givenTokens(first, second)
	for what, clash := range map[string]domain.OneTimeToken{
		"of another account": fake.OneTimeToken(1, other, askedAt(fake.Epoch().Add(time.Hour))),
		"of another purpose": fake.OneTimeToken(1, account, func(t *domain.OneTimeToken) { t.Purpose = domain.TokenVerifyEmail }),
		"of another address": fake.OneTimeToken(1, account, toUndo(other.Email)),
	} {
		s.conflicts("the hash of a token "+what, s.put(clash), "hash")
	}
	equal(s, "the first token", s.tokens(account.ID), []domain.OneTimeToken{first})
	equal(s, "the second token", s.tokens(other.ID), []domain.OneTimeToken{second})
	s.update(func(ctx context.Context, tx ports.Tx) error { // a refused one does not spoil the rest
		clash := fake.OneTimeToken(1, other, askedAt(fake.Epoch().Add(time.Hour)))
		s.conflicts("the hash inside a longer Update", tx.OneTimeTokens().Put(ctx, clash), "hash")
		return tx.Guards().Advance(ctx, worldGuard, 0)
	})
	equal(s, "the guard after the conflict", s.guard(worldGuard), 1)
	equal(s, "the second token after the conflict", s.tokens(other.ID), []domain.OneTimeToken{second})
}

func tokenSlots(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.given(account, other)
	var own []domain.OneTimeToken
	for n, purpose := range []domain.TokenPurpose{domain.TokenVerifyEmail, domain.TokenChangeEmail, domain.TokenResetPassword} {
		own = append(own, fake.OneTimeToken(n, account, func(t *domain.OneTimeToken) { t.Purpose = purpose }))
	}
	for n := range 3 {
		own = append(own, fake.OneTimeToken(3+n, account, toUndo(fake.Account(n).Email)))
	}
	strange := fake.OneTimeToken(6, other)
	s.givenTokens(append(slices.Clone(own), strange)...)
	equal(s, "the tokens", s.tokens(account.ID), own)
	equal(s, "the other account's", s.tokens(other.ID), []domain.OneTimeToken{strange})

	// Of a purpose that has no slots but one, the address makes no difference.
	again := fake.OneTimeToken(7, account, func(t *domain.OneTimeToken) { t.Address = fake.Account(8).Email })
	undo := fake.OneTimeToken(8, account, toUndo(fake.Account(1).Email))
	s.givenTokens(again, undo)
	equal(s, "the tokens after newer ones", s.tokens(account.ID), []domain.OneTimeToken{own[0], own[1], own[3], own[5], again, undo})
}

func tokenSpend(s *subject) {
	account := fake.Account(1)
	s.given(account)
	expired := fake.OneTimeToken(1, account, tokenExpiresAt(fake.Epoch().Add(-day)))
	other := fake.OneTimeToken(2, account, toUndo(account.Email))
	s.givenTokens(expired, other)
	for _, want := range []error{nil, ports.ErrStale} {
		s.fails("Spend", s.spend(expired.Hash), want)
		s.fails("the spent token", s.tokenFound(expired.Hash), ports.ErrNotFound)
	}
	equal(s, "the other token", s.tokens(account.ID), []domain.OneTimeToken{other})
	replaced := fake.OneTimeToken(3, account, toUndo(account.Email))
	s.givenTokens(replaced)
	s.fails("Spend of a replaced token", s.spend(other.Hash), ports.ErrStale)
	s.fails("Spend of an unknown token", s.spend(fake.OneTimeToken(4, account).Hash), ports.ErrStale)
	equal(s, "the token in its place", s.tokens(account.ID), []domain.OneTimeToken{replaced})
	elsewhere := fake.OneTimeToken(1, account, func(t *domain.OneTimeToken) { t.Purpose = domain.TokenVerifyEmail })
	next := fake.OneTimeToken(5, account)
	s.givenTokens(elsewhere, next) // hash and slot are free again, each for itself
	equal(s, "the tokens put later", s.tokens(account.ID), []domain.OneTimeToken{elsewhere, replaced, next})
}

func tokenEndAll(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.given(account, other)
	verify := fake.OneTimeToken(1, account, func(t *domain.OneTimeToken) { t.Purpose = domain.TokenVerifyEmail })
	reset := fake.OneTimeToken(2, account, tokenExpiresAt(fake.Epoch().Add(-day)))
	undo, undoOther := fake.OneTimeToken(3, account, toUndo(account.Email)), fake.OneTimeToken(4, account, toUndo(other.Email))
	strange := fake.OneTimeToken(5, other)
	s.givenTokens(verify, reset, undo, undoOther, strange)
	for _, row := range []struct {
		purposes []domain.TokenPurpose
		ended    int
		left     []domain.OneTimeToken
	}{
		{nil, 0, []domain.OneTimeToken{verify, reset, undo, undoOther}},
		{[]domain.TokenPurpose{domain.TokenChangeEmail}, 0, []domain.OneTimeToken{verify, reset, undo, undoOther}},
		{[]domain.TokenPurpose{domain.TokenVerifyEmail, domain.TokenChangeEmail, domain.TokenResetPassword}, 2, []domain.OneTimeToken{undo, undoOther}},
		{[]domain.TokenPurpose{domain.TokenUndoEmail}, 2, nil},
	} {
		ended := write(s, func(ctx context.Context, tx ports.Tx) (int, error) {
			return tx.OneTimeTokens().EndAll(ctx, account.ID, row.purposes...)
		})
		equal(s, "the number of ended tokens", ended, row.ended)
		equal(s, "the tokens left", s.tokens(account.ID), row.left)
	}
	equal(s, "the other account's tokens", s.tokens(other.ID), []domain.OneTimeToken{strange})
}

func tokenListByAccount(s *subject) {
	account := fake.Account(1)
	s.given(account)
	undo := func(n int, at time.Time) domain.OneTimeToken {
		return fake.OneTimeToken(n, account, toUndo(fake.Account(n).Email), askedAt(at), tokenExpiresAt(at.Add(time.Hour)))
	}
	late, early := fake.Epoch().Add(time.Hour), fake.Epoch().Add(-9*day)
	want := []domain.OneTimeToken{undo(4, early), undo(2, fake.Epoch()), undo(3, fake.Epoch()), undo(5, fake.Epoch()), undo(1, late)}
	if !slices.IsSortedFunc(want[1:4], func(a, b domain.OneTimeToken) int { return bytes.Compare(a.Hash, b.Hash) }) {
		s.Fatalf("the fixtures are not in the order of their hashes")
	}
	for _, i := range []int{3, 0, 4, 2, 1} {
		s.givenTokens(want[i])
	}
	equal(s, "the tokens", s.tokens(account.ID), want)
	equal(s, "the tokens of nobody", s.tokens(fake.Account(2).ID), nil)
}

func tokenHolder(s *subject) {
	first, second := fake.Account(1), fake.Account(2)
	s.given(first, second)
	address, end := fake.Account(9).Email, fake.Epoch().Add(day)
	check := func(what, canonical string, now time.Time, want domain.ID) {
		s.Helper()
		got, err := s.holder(canonical, now)
		var wantErr error
		if want == "" {
			wantErr = ports.ErrNotFound
		}
		s.fails("Holder "+what, err, wantErr)
		equal(s, "the holder "+what, got, want)
	}
	s.givenTokens(fake.OneTimeToken(1, first, func(t *domain.OneTimeToken) { t.Purpose, t.Address = domain.TokenChangeEmail, address }))
	check("by a token to change", address.Canonical, fake.Epoch(), "")
	s.givenTokens(fake.OneTimeToken(2, second, toUndo(address), tokenExpiresAt(end)))
	check("a moment before the end", address.Canonical, end.Add(-time.Microsecond), second.ID)
	check("at the end", address.Canonical, end, "")
	check("of another address", "x"+address.Canonical, fake.Epoch(), "")
	check("of the address as typed", address.Address, fake.Epoch(), "")
	check("of no address", "", fake.Epoch(), "")
	s.givenTokens(fake.OneTimeToken(3, first, toUndo(address), tokenExpiresAt(end.Add(day)), askedAt(fake.Epoch().Add(-time.Hour))))
	check("of two", address.Canonical, fake.Epoch(), first.ID)
	s.givenTokens(fake.OneTimeToken(4, first, toUndo(address), tokenExpiresAt(end.Add(day)), askedAt(fake.Epoch().Add(time.Hour))))
	check("of two, the other older", address.Canonical, fake.Epoch(), second.ID)
	check("of two, one expired", address.Canonical, end, first.ID)
}

func tokenPurge(s *subject) {
	account, cut := fake.Account(1), fake.Epoch().Add(day)
	s.given(account)
	offsets := []time.Duration{-time.Microsecond, -time.Hour, -time.Minute, 0, time.Hour}
	for n, offset := range offsets {
		s.givenTokens(fake.OneTimeToken(n, account, toUndo(fake.Account(n).Email), tokenExpiresAt(cut.Add(offset))))
	}
	for _, want := range []int{2, 1, 0} {
		got := write(s, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.OneTimeTokens().Purge(ctx, cut, 2) })
		equal(s, "the number of purged tokens", got, want)
	}
	for n, offset := range offsets {
		var want error
		if offset < 0 {
			want = ports.ErrNotFound
		}
		token := fake.OneTimeToken(n, account)
		s.fails("a token after the purge", s.tokenFound(token.Hash), want)
	}
	s.givenTokens(fake.OneTimeToken(9, account, toUndo(fake.Account(0).Email), askedAt(fake.Epoch().Add(-day)))) // the slot is free
}
