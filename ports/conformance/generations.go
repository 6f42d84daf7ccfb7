package conformance

import (
	"context"
	"errors"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func generationCases() []Case {
	return []Case{
		{
			"generations.login_against_password_change", true,
			"Of a login and a password change of one account, in any order or at once, either the login is stale or its session is ended.",
			loginAgainstPasswordChange,
		},
		{
			"generations.refresh_against_password_change", true,
			"After a refresh and a password change, in any order or at once, every session is ended and none can be advanced.",
			refreshAgainstPasswordChange,
		},
		{
			"generations.rehash_against_password_change", true,
			"After the late re-hash of the old password and a password change, in any order or at once, the credential is the new password's.",
			rehashAgainstPasswordChange,
		},
		{
			"generations.register_against_address_change", true,
			"Whoever registers an address while its account gives it up, in any order or at once, meets a conflict of it or sees who can take it back.",
			registerAgainstAddressChange,
		},
	}
}

const (
	generationRounds = 8
	rivals           = 4 // against each password change
)

// newcomer adds an account with a credential and returns it.
func (s *subject) newcomer(n int) domain.Account {
	s.Helper()
	account := fake.Account(n)
	s.given(account)
	if err := s.createCredential(fake.Credential(account)); err != nil {
		s.Fatalf("Create of a credential: got error %v, want none", err)
	}
	return account
}

// changePassword does in one Update what the use case does.
func (s *subject) changePassword(id domain.ID) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error {
		account, err := tx.Accounts().ByID(ctx, id)
		if err != nil {
			return err
		}
		credential, err := tx.Credentials().ByAccount(ctx, id)
		if err != nil {
			return err
		}
		from := account.Version
		account.Version = domain.AccountVersion{AuthGeneration: from.AuthGeneration + 1, Credential: from.Credential + 1, Profile: from.Profile}
		if err := tx.Accounts().Update(ctx, account, from); err != nil {
			return err
		}
		previous := credential.Version
		credential.Hash, credential.Version = domain.NewSecret("new"), account.Version.Credential
		if err := tx.Credentials().Replace(ctx, credential, previous); err != nil {
			return err
		}
		_, err = tx.Sessions().EndAll(ctx, id, "", domain.EndedByPassword, fake.Epoch())
		return err
	})
}

// against lets rivals meet the password change of an account: all before it, all
// after it, then in further rounds at once. Round n is about account n, and the
// sessions of rival i are its own (sessionOf). rival and check see the account as
// it was before the change.
func (s *subject) against(rival func(round, i int) error, check func(round, i int, err error)) {
	s.Helper()
	for round := range generationRounds {
		account := s.newcomer(round)
		for i := range rivals {
			s.givenSessions(sessionOf(round, i))
		}
		var change error
		var errs []error
		changing := func() { change = s.changePassword(account.ID) }
		meeting := func(i int) error { return rival(round, i) }
		switch round {
		case 0:
			errs = contend(rivals, meeting)
			changing()
		case 1:
			changing()
			errs = contend(rivals, meeting)
		default:
			errs = contend(rivals+1, func(i int) error {
				if i == rivals {
					changing()
					return nil
				}
				return meeting(i)
			})[:rivals]
		}
		if change != nil {
			s.Errorf("round %d: the password change got error %v, want none", round, change)
		}
		for i, err := range errs {
			if err != nil && !isStale(err) {
				s.Errorf("round %d: a rival of the password change got error %v, want none or %v", round, err, ports.ErrStale)
			}
			check(round, i, err)
		}
	}
}

// sessionOf is the session that rival i has before the round.
func sessionOf(round, i int) domain.Session {
	return fake.Session(2*(round*rivals+i), fake.Account(round))
}

// nextSessionOf is the session that a login of rival i makes.
func nextSessionOf(round, i int) domain.Session {
	return fake.Session(2*(round*rivals+i)+1, fake.Account(round))
}

func loginAgainstPasswordChange(s *subject) {
	login := func(round, i int) error {
		return s.try(func(ctx context.Context, tx ports.Tx) error {
			account := fake.Account(round) // as it was when the password was verified
			version := account.Version
			if err := tx.Accounts().RecordLogin(ctx, account.ID, version.AuthGeneration, version.Credential, fake.Epoch()); err != nil {
				return err
			}
			return tx.Sessions().Create(ctx, nextSessionOf(round, i))
		})
	}
	s.against(login, func(round, i int, err error) {
		id := nextSessionOf(round, i).ID
		switch {
		case err != nil:
			s.fails("the session of a stale login", s.sessionFound(id), ports.ErrNotFound)
		case s.session(id).EndedAt.IsZero():
			s.Errorf("round %d: a login with the old password left a session that is not ended", round)
		}
	})
}

func refreshAgainstPasswordChange(s *subject) {
	refresh := func(round, i int) error {
		session := sessionOf(round, i)
		return s.advance(rotated(session), session.Refresh.RefreshPosition)
	}
	s.against(refresh, func(round, i int, err error) {
		before := sessionOf(round, i)
		after := s.session(before.ID)
		if after.EndedAt.IsZero() {
			s.Errorf("round %d: a session is not ended after the password change", round)
		}
		want := before.Refresh
		if err == nil {
			want = rotated(before).Refresh
		}
		equal(s, "the refresh counter", after.Refresh.Counter, want.Counter)
		s.fails("Advance after the password change", s.advance(rotated(after), after.Refresh.RefreshPosition), ports.ErrStale)
	})
}

func rehashAgainstPasswordChange(s *subject) {
	rehash := func(round, _ int) error {
		credential := fake.Credential(fake.Account(round))
		seen := credential.Version
		credential.Hash = domain.NewSecret("old password, hashed anew")
		return s.replaceCredential(credential, seen)
	}
	s.against(rehash, func(round, _ int, _ error) {
		credential := s.credential(fake.Account(round).ID)
		equal(s, "the hash", credential.Hash.Reveal(), "new")
		equal(s, "its version", credential.Version, 2)
	})
}

// registerAgainstAddressChange lets registrations meet a change of the address that they
// want. Each looks for a holder after its own row, as the use case does: by then a
// change that freed the address has put its token.
func registerAgainstAddressChange(s *subject) {
	for round := range generationRounds {
		account := s.newcomer(round)
		old := account.Email
		changing := func() error {
			return s.try(func(ctx context.Context, tx ports.Tx) error {
				moved := account
				moved.Email = fake.Account(10_000 + round).Email
				moved.Version.AuthGeneration++
				if err := tx.Accounts().Update(ctx, moved, account.Version); err != nil {
					return err
				}
				return tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(round, account, func(t *domain.OneTimeToken) {
					t.Purpose, t.Address = domain.TokenUndoEmail, old
				}))
			})
		}
		registering := func(i int) error {
			return s.try(func(ctx context.Context, tx ports.Tx) error {
				newcomer := fake.Account(20_000+round*contenders+i, func(a *domain.Account) { a.Email = old })
				if err := tx.Accounts().Create(ctx, newcomer); err != nil {
					return err
				}
				if _, err := tx.OneTimeTokens().Holder(ctx, old.Canonical, fake.Epoch()); err != nil {
					return err
				}
				return errNothing // somebody can take it back
			})
		}
		errs := contend(contenders+1, func(i int) error {
			if i == contenders {
				return changing()
			}
			return registering(i)
		})
		if err := errs[contenders]; err != nil {
			s.Errorf("round %d: the change of the address got error %v, want none", round, err)
		}
		for _, err := range errs[:contenders] {
			if !isConflict("email")(err) && !errors.Is(err, errNothing) {
				s.Errorf("round %d: a registration got %v, want a conflict of email, or that somebody can take the address back", round, err)
			}
		}
		s.fails("the address that was given up", found(s, finders(fake.Account(round))["ByEmail"]), ports.ErrNotFound)
	}
}
