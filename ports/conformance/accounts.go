package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func accountCases() []Case {
	return []Case{
		{
			"accounts.create_then_read", true,
			"A created account is found with every field by ID, canonical e-mail address and canonical username.",
			accountCreateThenRead,
		},
		{
			"accounts.unknown_is_not_found", true,
			"Looking for an account that does not exist is ErrNotFound, also by the empty username when there are accounts without one.",
			accountUnknownIsNotFound,
		},
		{
			"accounts.email_is_unique", true,
			"Creating an account whose canonical e-mail address is taken is a conflict of email, however it was typed.",
			accountEmailIsUnique,
		},
		{
			"accounts.username_is_unique", true,
			"Creating an account whose canonical username is taken is a conflict of username, however it was typed.",
			accountUsernameIsUnique,
		},
		{
			"accounts.id_is_unique", true,
			"Creating an account whose ID is taken is a conflict of id.",
			accountIDIsUnique,
		},
		{
			"accounts.both_taken_names_either", true,
			"When both e-mail address and username are taken, the conflict is of either.",
			accountBothTaken,
		},
		{
			"accounts.without_username_do_not_collide", true,
			"Any number of accounts may have no username.",
			accountsWithoutUsername,
		},
		{
			"accounts.update_replaces", true,
			"Update replaces every field of the account, its roles and version included, but the time of the last login.",
			accountUpdateReplaces,
		},
		{
			"accounts.update_is_conditional", true,
			"Update with a version that differs in any part, or of an account that is gone, is ErrStale and changes nothing.",
			accountUpdateIsConditional,
		},
		{
			"accounts.update_conflicts", true,
			"Update to an e-mail address or username of another account is a conflict of that field and changes nothing; keeping one's own is none.",
			accountUpdateConflicts,
		},
		{
			"accounts.update_frees_old_values", true,
			"After Update the former e-mail address and username find nothing and may be taken by others.",
			accountUpdateFreesOldValues,
		},
		{
			"accounts.record_login", true,
			"RecordLogin sets LastLoginAt and nothing else.",
			accountRecordLogin,
		},
		{
			"accounts.record_login_is_conditional", true,
			"RecordLogin with another generation or credential version, or for an account that is gone, is ErrStale and changes nothing.",
			accountRecordLoginIsConditional,
		},
	}
}

func (s *subject) create(a domain.Account) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Accounts().Create(ctx, a) })
}

func (s *subject) updateAccount(a domain.Account, from domain.AccountVersion) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Accounts().Update(ctx, a, from) })
}

func (s *subject) recordLogin(id domain.ID, generation, credential int64, at time.Time) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error {
		return tx.Accounts().RecordLogin(ctx, id, generation, credential, at)
	})
}

// finders are the ways to find a, by name.
func finders(a domain.Account) map[string]func(context.Context, ports.Tx) (domain.Account, error) {
	return map[string]func(context.Context, ports.Tx) (domain.Account, error){
		"ByID": func(ctx context.Context, tx ports.Tx) (domain.Account, error) { return tx.Accounts().ByID(ctx, a.ID) },
		"ByEmail": func(ctx context.Context, tx ports.Tx) (domain.Account, error) {
			return tx.Accounts().ByEmail(ctx, a.Email.Canonical)
		},
		"ByUsername": func(ctx context.Context, tx ports.Tx) (domain.Account, error) {
			return tx.Accounts().ByUsername(ctx, a.Username.Canonical)
		},
	}
}

// found is the error of looking for something.
func found[T any](s *subject, find func(context.Context, ports.Tx) (T, error)) error {
	return s.store.View(s.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := find(ctx, tx)
		return err
	})
}

func accountCreateThenRead(s *subject) {
	full := fake.Account(1, func(a *domain.Account) {
		a.Status = domain.AccountDisabled
		a.Roles = []domain.Role{domain.RoleUser, domain.RoleAuditor}
		a.Version = domain.AccountVersion{AuthGeneration: 3, Credential: 5, Profile: 1 << 40}
		a.UpdatedAt, a.LastLoginAt = fake.Epoch().Add(time.Minute), fake.Epoch().Add(time.Second)
	})
	bare := fake.Account(2, func(a *domain.Account) {
		a.Username, a.DisplayName, a.Roles, a.EmailVerifiedAt = domain.Username{}, "", nil, time.Time{}
	})
	s.given(full, bare)
	for name, find := range finders(full) {
		equal(s, name, read(s, find), full)
	}
	equal(s, "an account without what is optional", s.account(bare.ID), bare)
}

func accountUnknownIsNotFound(s *subject) {
	s.given(fake.Account(1, func(a *domain.Account) { a.Username = domain.Username{} }))
	for name, find := range finders(fake.Account(2)) {
		s.fails(name, found(s, find), ports.ErrNotFound)
	}
	nobody := domain.Account{}
	for name, find := range finders(nobody) {
		s.fails(name+" of nothing", found(s, find), ports.ErrNotFound)
	}
}

func accountEmailIsUnique(s *subject) {
	s.given(fake.Account(1))
	again := fake.Account(2, func(a *domain.Account) {
		a.Email = domain.Email{Address: "USER1@EXAMPLE.ORG", Canonical: fake.Account(1).Email.Canonical}
	})
	s.conflicts("the same address typed otherwise", s.create(again), "email")
	s.fails("the refused account", found(s, finders(again)["ByID"]), ports.ErrNotFound)
	equal(s, "the first account", s.account(fake.Account(1).ID), fake.Account(1))
}

func accountUsernameIsUnique(s *subject) {
	s.given(fake.Account(1))
	again := fake.Account(2, func(a *domain.Account) {
		a.Username = domain.Username{Name: "USER1", Canonical: fake.Account(1).Username.Canonical}
	})
	s.conflicts("the same username typed otherwise", s.create(again), "username")
	s.fails("the refused account", found(s, finders(again)["ByID"]), ports.ErrNotFound)
}

func accountIDIsUnique(s *subject) {
	s.given(fake.Account(1))
	s.conflicts("the same ID", s.create(fake.Account(2, func(a *domain.Account) { a.ID = fake.Account(1).ID })), "id")
	equal(s, "the first account", s.account(fake.Account(1).ID), fake.Account(1))
}

func accountBothTaken(s *subject) {
	s.given(fake.Account(1))
	again := fake.Account(2, func(a *domain.Account) { a.Email, a.Username = fake.Account(1).Email, fake.Account(1).Username })
	s.conflicts("address and username taken", s.create(again), "email", "username")
}

func accountsWithoutUsername(s *subject) {
	nameless := func(a *domain.Account) { a.Username = domain.Username{} }
	s.given(fake.Account(1, nameless), fake.Account(2, nameless), fake.Account(3))
	if err := s.updateAccount(fake.Account(3, nameless), fake.Account(3).Version); err != nil {
		s.Errorf("giving up a username: got error %v, want none", err)
	}
	for n := 1; n <= 3; n++ {
		equal(s, "an account without a username", s.account(fake.Account(n).ID), fake.Account(n, nameless))
	}
}

func accountUpdateReplaces(s *subject) {
	later := fake.Epoch().Add(time.Hour)
	s.given(fake.Account(1, func(a *domain.Account) { a.LastLoginAt = later }), fake.Account(2))
	changed := fake.Account(1, func(a *domain.Account) {
		a.Email = domain.Email{Address: "New@Example.org", Canonical: "new@example.org"}
		a.Username = domain.Username{Name: "New", Canonical: "new"}
		a.DisplayName, a.Status = "New Name", domain.AccountDisabled
		a.Roles = []domain.Role{domain.RoleAdmin, domain.RoleUser}
		a.EmailVerifiedAt, a.UpdatedAt, a.LastLoginAt = time.Time{}, later, fake.Epoch() // an older login, as somebody read it before
		a.Version = domain.AccountVersion{AuthGeneration: 2, Credential: 4, Profile: 9}
	})
	if err := s.updateAccount(changed, fake.Account(1).Version); err != nil {
		s.Fatalf("Update: got error %v, want none", err)
	}
	changed.LastLoginAt = later // what RecordLogin wrote is not undone
	for name, find := range finders(changed) {
		equal(s, name, read(s, find), changed)
	}
	equal(s, "another account", s.account(fake.Account(2).ID), fake.Account(2))
}

func accountUpdateIsConditional(s *subject) {
	kept := fake.Account(1, func(a *domain.Account) {
		a.Version = domain.AccountVersion{AuthGeneration: 5, Credential: 5, Profile: 5}
	})
	s.given(kept)
	changed := kept.Clone()
	changed.DisplayName = "Changed"
	for _, from := range []domain.AccountVersion{
		{AuthGeneration: 4, Credential: 5, Profile: 5},
		{AuthGeneration: 5, Credential: 6, Profile: 5},
		{AuthGeneration: 5, Credential: 5, Profile: 4},
		{},
	} {
		changed.Version = from
		s.fails("Update from a version that differs", s.updateAccount(changed, from), ports.ErrStale)
	}
	equal(s, "the account", s.account(kept.ID), kept)
	s.fails("Update of an account that is gone", s.updateAccount(fake.Account(2), fake.Account(2).Version), ports.ErrStale)
	s.fails("the account that is gone", found(s, finders(fake.Account(2))["ByID"]), ports.ErrNotFound)
}

func accountUpdateConflicts(s *subject) {
	first, second := fake.Account(1), fake.Account(2)
	s.given(first, second)
	withEmail, withUsername, own := second.Clone(), second.Clone(), second.Clone()
	withEmail.Email = first.Email
	withUsername.Username = first.Username
	own.DisplayName = "Changed"
	s.conflicts("Update to a taken address", s.updateAccount(withEmail, second.Version), "email")
	s.conflicts("Update to a taken username", s.updateAccount(withUsername, second.Version), "username")
	equal(s, "the account", s.account(second.ID), second)
	if err := s.updateAccount(own, second.Version); err != nil {
		s.Errorf("Update that keeps address and username: got error %v, want none", err)
	}
	equal(s, "the account", s.account(second.ID), own)
}

func accountUpdateFreesOldValues(s *subject) {
	old := fake.Account(1)
	s.given(old)
	moved := fake.Account(1, func(a *domain.Account) { a.Email, a.Username = fake.Account(2).Email, fake.Account(2).Username })
	if err := s.updateAccount(moved, old.Version); err != nil {
		s.Fatalf("Update: got error %v, want none", err)
	}
	for _, name := range []string{"ByEmail", "ByUsername"} {
		s.fails(name+" of the former value", found(s, finders(old)[name]), ports.ErrNotFound)
	}
	if err := s.create(fake.Account(3, func(a *domain.Account) { a.Email, a.Username = old.Email, old.Username })); err != nil {
		s.Errorf("taking what was given up: got error %v, want none", err)
	}
}

func accountRecordLogin(s *subject) {
	account := fake.Account(1)
	s.given(account)
	account.LastLoginAt = fake.Epoch().Add(time.Hour)
	if err := s.recordLogin(account.ID, 1, 1, account.LastLoginAt); err != nil {
		s.Errorf("RecordLogin: got error %v, want none", err)
	}
	equal(s, "the account", s.account(account.ID), account)
	if err := s.recordLogin(account.ID, 1, 1, account.LastLoginAt); err != nil {
		s.Errorf("RecordLogin at the same instant again: got error %v, want none", err)
	}
}

func accountRecordLoginIsConditional(s *subject) {
	account := fake.Account(1, func(a *domain.Account) { a.Version.AuthGeneration, a.Version.Credential = 3, 7 })
	s.given(account)
	for _, version := range [][2]int64{{2, 7}, {4, 7}, {3, 6}, {3, 8}, {0, 0}} {
		s.fails("RecordLogin of another version", s.recordLogin(account.ID, version[0], version[1], fake.Epoch()), ports.ErrStale)
	}
	equal(s, "the account", s.account(account.ID), account)
	s.fails("RecordLogin of nobody", s.recordLogin(fake.Account(2).ID, 1, 1, fake.Epoch()), ports.ErrStale)
}
