package conformance

import (
	"context"
	"errors"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func onceRaceCases() []Case {
	return []Case{
		{
			"races.one_time_spend", true,
			"Of 16 parallel calls of Spend for one token one succeeds and 15 are stale.",
			raceTokenSpend,
		},
		{
			"races.one_time_put", true,
			"Of 16 parallel calls of Put into one slot, new or taken, at least one succeeds, the others are stale or meet a conflict of slot, and the newest that succeeded is there alone.",
			raceTokenPut,
		},
		{
			"races.one_time_put_again", true,
			"Of 16 parallel calls of Put of one token, new or there before, at least one succeeds, the others meet a conflict of slot or hash, and it is there.",
			raceTokenPutAgain,
		},
		{
			"races.throttle_fail", true,
			"Of 16 parallel calls of Fail for one key, new or counted before, each is counted and returns a count of its own.",
			raceThrottleFail,
		},
		{
			"races.erase", true,
			"Of 16 parallel calls of Erase for one account one succeeds and 15 are stale.",
			raceErase,
		},
		{
			"races.erase_against_login", true,
			"Beside an Erase, logins and tokens of the account succeed before it or fail as stale or not found, and it leaves nothing of either.",
			raceEraseAgainstLogin,
		},
		{
			"races.anonymise", true,
			"Of 16 parallel callers of Anonymise, each gets 0 only when nothing is left, of the batches of the others neither.",
			raceAnonymise,
		},
	}
}

func raceTokenSpend(s *subject) {
	account := fake.Account(1)
	s.given(account)
	for n := range 4 {
		token := fake.OneTimeToken(n, account)
		s.givenTokens(token)
		s.oneWinner(contend(contenders, func(int) error { return s.spend(token.Hash) }), isStale)
		s.fails("the spent token", s.tokenFound(token.Hash), ports.ErrNotFound)
	}
}

func raceTokenPut(s *subject) {
	account := fake.Account(1)
	s.given(account)
	lost := func(err error) bool { return isStale(err) || isConflict("slot")(err) }
	for round := range 4 { // the first finds an empty slot
		tokens := make([]domain.OneTimeToken, contenders)
		for i := range tokens {
			asked := fake.Epoch().Add(time.Duration(round)*time.Hour + time.Duration(i*7%contenders)*time.Second)
			tokens[i] = fake.OneTimeToken(round*contenders+i, account, askedAt(asked))
		}
		var want []domain.OneTimeToken
		for i, err := range contend(contenders, func(i int) error { return s.put(tokens[i]) }) {
			switch {
			case err != nil && !lost(err):
				s.Errorf("a contender got %v, which is neither success nor a lost race", err)
			case err == nil && (want == nil || tokens[i].CreatedAt.After(want[0].CreatedAt)):
				want = tokens[i : i+1]
			}
		}
		if want == nil {
			s.Errorf("round %d: got no winner of %d contenders", round, contenders)
		}
		equal(s, "the tokens", s.tokens(account.ID), want)
	}
}

func raceTokenPutAgain(s *subject) {
	account := fake.Account(1)
	s.given(account)
	token := fake.OneTimeToken(1, account)
	lost := func(err error) bool { return isConflict("hash")(err) || isConflict("slot")(err) }
	for range 4 {
		errs := contend(contenders, func(int) error { return s.put(token) })
		if !slices.Contains(errs, nil) {
			s.Errorf("got no winner of %d contenders", contenders)
		}
		for _, err := range errs {
			if err != nil && !lost(err) {
				s.Errorf("a contender got %v, which is neither success nor a lost race", err)
			}
		}
		equal(s, "the tokens", s.tokens(account.ID), []domain.OneTimeToken{token})
	}
}

func raceThrottleFail(s *subject) {
	for round := range 4 { // the first counts a new key
		counts := make([]int, contenders)
		errs := contend(contenders, func(i int) error {
			count, err := s.fail(1, fake.Epoch())
			counts[i] = count.Failures
			return err
		})
		if err := errors.Join(errs...); err != nil {
			s.Errorf("Fail: got errors %v, want none", err)
		}
		want := make([]int, contenders)
		for i := range want {
			want[i] = round*contenders + i + 1
		}
		slices.Sort(counts)
		equal(s, "the counts", counts, want)
		equal(s, "the count", s.throttle(1).Failures, (round+1)*contenders)
	}
}

func raceErase(s *subject) {
	for n := range 4 {
		account := s.newcomer(n)
		s.givenSessions(fake.Session(n, account))
		s.oneWinner(contend(contenders, func(int) error { return s.erase(account.ID, account.Version, fake.Epoch()) }), isStale)
		s.fails("the session", s.sessionFound(fake.Session(n, account).ID), ports.ErrNotFound)
		s.fails("the note", s.erasureFound(account.ID), nil)
	}
}

func raceEraseAgainstLogin(s *subject) {
	for n := range generationRounds {
		account := s.newcomer(n)
		version := account.Version
		errs := contend(2*rivals+1, func(i int) error {
			own := n*contenders + i
			switch {
			case i == 2*rivals:
				return s.erase(account.ID, version, fake.Epoch())
			case i%2 == 0:
				return s.try(func(ctx context.Context, tx ports.Tx) error {
					if err := tx.Accounts().RecordLogin(ctx, account.ID, version.AuthGeneration, version.Credential, fake.Epoch()); err != nil {
						return err
					}
					return tx.Sessions().Create(ctx, fake.Session(own, account))
				})
			default:
				return s.put(fake.OneTimeToken(own, account, toUndo(fake.Account(own).Email)))
			}
		})
		for i, err := range errs {
			refused := i < 2*rivals && (isStale(err) || errors.Is(err, ports.ErrNotFound))
			if err != nil && !refused {
				s.Errorf("caller %d of %d: got error %v", i+1, len(errs), err)
			}
		}
		equal(s, "the sessions of the erased account", s.sessionsOf(account.ID), nil)
		equal(s, "its tokens", s.tokens(account.ID), nil)
		s.fails("the account", found(s, finders(account)["ByID"]), ports.ErrNotFound)
	}
}

func raceAnonymise(s *subject) {
	const events = 40
	account := fake.Account(1)
	for n := range events {
		s.appendEvents(fake.AuditEvent(n, func(e *domain.AuditEvent) { e.Actor.ID = string(account.ID) }))
	}
	errs := contend(contenders, func(int) error {
		for range events + 1 { // the last call finds nothing
			n := 0
			err := s.try(func(ctx context.Context, tx ports.Tx) (err error) {
				n, err = tx.Erasures().Anonymise(ctx, account.ID, 3)
				return err
			})
			if err != nil {
				return err
			}
			if n == 0 { // whatever others are about
				for _, e := range s.events(domain.AuditFilter{}, domain.PageRequest{Limit: events}).Items {
					equal(s, "what is left of the actor", e.Actor.IP+e.Actor.UserAgent, "")
				}
				return nil
			}
		}
		return errNothing
	})
	if err := errors.Join(errs...); err != nil {
		s.Errorf("Anonymise: got errors %v, want none", err)
	}
}
