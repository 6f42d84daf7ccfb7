package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func raceCases() []Case {
	return []Case{
		{
			"races.one_email_64_creates", true,
			"Of 64 parallel creations of one e-mail address one succeeds and 63 meet a conflict of email.",
			raceOneEmail,
		},
		{
			"races.one_username_16_creates", true,
			"Of 16 parallel creations of one username one succeeds and 15 meet a conflict of username.",
			raceOneUsername,
		},
		{
			"races.account_update", true,
			"Of 16 parallel updates from one version of an account one succeeds and 15 are stale.",
			raceAccountUpdate,
		},
		{
			"races.session_advance", true,
			"Of 16 parallel calls of Advance from one position one succeeds and 15 are stale.",
			raceSessionAdvance,
		},
		{
			"races.session_end", true,
			"Of 16 parallel calls of End for one session one reports true.",
			raceSessionEnd,
		},
		{
			"races.session_end_all", true,
			"Of 16 parallel calls of EndAll for one account the counts add up to the number of its sessions.",
			raceSessionEndAll,
		},
		{
			"races.logins_are_serial", true,
			"Logins of one account, each of which records itself and then counts the sessions before it adds one, never exceed a maximum between them.",
			raceLoginsAreSerial,
		},
		{
			"races.guard_advance", true,
			"Of 16 parallel calls of Advance from one count, the first one included, one succeeds and 15 are stale.",
			raceGuardAdvance,
		},
		{
			"races.guard_100_increments", true,
			"When 100 callers each read a guard and advance it, trying again when stale, no increment is lost.",
			raceGuardIncrements,
		},
		{
			"races.key_state", true,
			"Of 16 parallel moves of a key out of one state one succeeds and 15 are stale.",
			raceKeyState,
		},
		{
			"races.outbox_claim", true,
			"Of 16 parallel claimants no two get the same message, and together they get every one.",
			raceOutboxClaim,
		},
		{
			"races.idempotency_create", true,
			"Of 16 parallel creations under one key, new or expired, one succeeds and 15 meet a conflict of key.",
			raceIdempotencyCreate,
		},
		{
			"races.imports_overlap", true,
			"Of 16 parallel imports whose batches share one e-mail address, username or ID one succeeds, and 15 meet a conflict of that field and leave nothing.",
			raceImportsOverlap,
		},
	}
}

func raceOneEmail(s *subject) {
	email := fake.Account(0).Email
	errs := contend(64, func(i int) error {
		return s.create(fake.Account(i, func(a *domain.Account) { a.Email = email }))
	})
	s.oneWinner(errs, isConflict("email"))
	for i, err := range errs {
		var want error
		if err != nil {
			want = ports.ErrNotFound
		}
		s.fails("finding a contender", found(s, finders(fake.Account(i))["ByID"]), want)
	}
}

func raceOneUsername(s *subject) {
	username := fake.Account(0).Username
	s.oneWinner(contend(contenders, func(i int) error {
		return s.create(fake.Account(i, func(a *domain.Account) { a.Username = username }))
	}), isConflict("username"))
}

func raceAccountUpdate(s *subject) {
	s.given(fake.Account(1))
	from := fake.Account(1).Version
	errs := contend(contenders, func(i int) error {
		return s.updateAccount(fake.Account(1, func(a *domain.Account) {
			a.DisplayName, a.Version.Profile = fmt.Sprint(i), from.Profile+1
		}), from)
	})
	s.oneWinner(errs, isStale)
	for i, err := range errs {
		if err == nil {
			equal(s, "the display name", s.account(fake.Account(1).ID).DisplayName, fmt.Sprint(i))
		}
	}
}

func raceSessionAdvance(s *subject) {
	account := fake.Account(1)
	s.given(account)
	session := fake.Session(1, account)
	s.givenSessions(session)
	for range 4 { // the successor of each round is the prize of the next
		from := session.Refresh.RefreshPosition
		next := rotated(session)
		s.oneWinner(contend(contenders, func(int) error { return s.advance(next, from) }), isStale)
		equal(s, "the session", s.session(session.ID), next)
		session = next
	}
}

func raceSessionEnd(s *subject) {
	account := fake.Account(1)
	s.given(account)
	for n := range 4 {
		session := fake.Session(n, account)
		s.givenSessions(session)
		at := func(i int) time.Time { return fake.Epoch().Add(time.Duration(i) * time.Second) }
		errs := contend(contenders, func(i int) error {
			return s.try(func(ctx context.Context, tx ports.Tx) error {
				ended, err := tx.Sessions().End(ctx, session.ID, domain.EndedByLogout, at(i))
				return didSomething(ended, err)
			})
		})
		s.oneWinner(errs, func(err error) bool { return errors.Is(err, errNothing) })
		for i, err := range errs {
			if err == nil {
				equal(s, "EndedAt", s.session(session.ID).EndedAt, at(i))
			}
		}
	}
}

func raceSessionEndAll(s *subject) {
	account := fake.Account(1)
	s.given(account)
	const sessions = 5
	for n := range sessions {
		s.givenSessions(fake.Session(n, account))
	}
	counts := make([]int, contenders)
	errs := contend(contenders, func(i int) error {
		return s.try(func(ctx context.Context, tx ports.Tx) (err error) {
			counts[i], err = tx.Sessions().EndAll(ctx, account.ID, "", domain.EndedByOwner, fake.Epoch())
			return err
		})
	})
	total := 0
	for i, err := range errs {
		total += counts[i]
		if err != nil {
			s.Errorf("EndAll: got error %v, want none", err)
		}
	}
	equal(s, "the sum of the counts", total, sessions)
}

func raceLoginsAreSerial(s *subject) {
	account := fake.Account(1)
	s.given(account)
	const most = 3
	errs := contend(contenders, func(i int) error {
		return s.try(func(ctx context.Context, tx ports.Tx) error {
			if err := tx.Accounts().RecordLogin(ctx, account.ID, 1, 1, fake.Epoch()); err != nil {
				return err
			}
			page, err := tx.Sessions().ListActive(ctx, account.ID, fake.Epoch(), 0, domain.PageRequest{Limit: contenders})
			if err != nil {
				return err
			}
			if len(page.Items) >= most {
				return errNothing
			}
			return tx.Sessions().Create(ctx, fake.Session(i, account))
		})
	})
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, errNothing):
			s.Errorf("a login got error %v, want none", err)
		}
	}
	equal(s, "the number of sessions", won, most)
}

func raceGuardAdvance(s *subject) {
	for from := range int64(4) {
		s.oneWinner(contend(contenders, func(int) error { return s.advanceGuard("race", from) }), isStale)
		equal(s, "the guard", s.guard("race"), from+1)
	}
}

func raceGuardIncrements(s *subject) {
	const callers = 100
	errs := contend(callers, func(int) error {
		for { // each round has a winner, so this ends
			err := s.try(func(ctx context.Context, tx ports.Tx) error {
				count, err := tx.Guards().Read(ctx, "race")
				if err != nil {
					return err
				}
				return tx.Guards().Advance(ctx, "race", count)
			})
			if !isStale(err) {
				return err
			}
		}
	})
	if err := errors.Join(errs...); err != nil {
		s.Errorf("Advance: got errors %v, want none but %v", err, ports.ErrStale)
	}
	equal(s, "the guard", s.guard("race"), callers)
}

func raceKeyState(s *subject) {
	key := fake.SigningKey(1, func(k *domain.SigningKey) { k.State = domain.KeyNext })
	if err := s.createKey(key); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	s.oneWinner(contend(contenders, func(int) error {
		return s.setState(key.ID, domain.KeyNext, domain.KeyActive, fake.Epoch())
	}), isStale)
}

func raceOutboxClaim(s *subject) {
	const messages = 40
	for n := range messages {
		s.enqueue(fake.Message(n))
	}
	claims := make([][]domain.Message, contenders)
	errs := contend(contenders, func(i int) error {
		for range messages + 1 { // the last call finds nothing
			var claimed []domain.Message
			err := s.try(func(ctx context.Context, tx ports.Tx) (err error) {
				claimed, err = tx.Outbox().Claim(ctx, fake.Epoch(), fake.Epoch().Add(time.Hour), 3)
				return err
			})
			claims[i] = append(claims[i], claimed...)
			if err != nil || len(claimed) == 0 {
				return err
			}
		}
		return fmt.Errorf("each of %d calls got some of %d messages", messages+1, messages)
	})
	if err := errors.Join(errs...); err != nil {
		s.Errorf("Claim: got errors %v, want none", err)
	}
	owners := map[domain.ID]int{}
	for _, claimed := range claims {
		for _, m := range claimed {
			owners[m.ID]++
			if owners[m.ID] > 1 || m.Attempt != 1 {
				s.Errorf("message %s: claimed %d times, attempt %d; want once, attempt 1", m.ID, owners[m.ID], m.Attempt)
			}
		}
	}
	// A claimant that finds nothing may have met only what others were claiming.
	for _, m := range s.claim(fake.Epoch(), messages) {
		owners[m.ID]++
	}
	equal(s, "the number of claimed messages", len(owners), messages)
}

func raceIdempotencyCreate(s *subject) {
	key := fake.IdempotencyRecord(1).Key
	for round := range 3 { // each round's record has expired when the next begins
		created := fake.Epoch().Add(time.Duration(round) * day)
		s.oneWinner(contend(contenders, func(i int) error {
			return s.createRecord(fake.IdempotencyRecord(i, func(r *domain.IdempotencyRecord) {
				r.Key, r.CreatedAt, r.ExpiresAt = key, created, created.Add(day)
			}))
		}), isConflict("key"))
		equal(s, "CreatedAt of the record", s.record(key).CreatedAt, created)
	}
}

func raceImportsOverlap(s *subject) {
	const size = 8
	for round, field := range []string{"email", "username", "id"} {
		batches := make([][]domain.ImportedAccount, contenders)
		for i := range batches {
			batches[i] = importedFrom((round*contenders+i)*size, size)
			shared, account := fake.Account(10_000+round), &batches[i][i%size].Account
			switch field {
			case "email":
				account.Email = shared.Email
			case "username":
				account.Username = shared.Username
			default:
				account.ID = shared.ID
			}
		}
		errs := contend(contenders, func(i int) error { return s.imports(batches[i]) })
		s.oneWinner(errs, isConflict(field))
		for i, err := range errs {
			if err != nil {
				s.notImported("a lost import", importedFrom((round*contenders+i)*size, size))
				continue
			}
			for _, imported := range batches[i] {
				equal(s, "an account of the winner", s.account(imported.Account.ID), imported.Account)
				equal(s, "a credential of the winner", s.credential(imported.Account.ID).Hash.Reveal(), imported.Hash.Reveal())
			}
		}
	}
}
