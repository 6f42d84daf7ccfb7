package conformance

import (
	"context"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func credentialCases() []Case {
	return []Case{
		{
			"credentials.create_then_read", true,
			"A created credential is read with every field; an account without one is ErrNotFound.",
			credentialCreateThenRead,
		},
		{
			"credentials.one_per_account", true,
			"A second credential of one account is a conflict of account_id and leaves the first.",
			credentialOnePerAccount,
		},
		{
			"credentials.need_their_account", true,
			"Creating a credential of an account that does not exist is ErrNotFound.",
			credentialNeedsItsAccount,
		},
		{
			"credentials.replace", true,
			"Replace writes hash, version and time where the kept version is the expected one, also when the new version is the same.",
			credentialReplace,
		},
		{
			"credentials.replace_is_conditional", true,
			"Replace from another version, or where there is no credential, is ErrStale and writes nothing.",
			credentialReplaceIsConditional,
		},
		{
			"credentials.count_settings", true,
			"CountSettings counts the credentials of each settings as they are after every way to write one, in the order of the bytes of the settings.",
			credentialCountSettings,
		},
	}
}

func (s *subject) createCredential(c domain.Credential) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Credentials().Create(ctx, c) })
}

func (s *subject) replaceCredential(c domain.Credential, from int64) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Credentials().Replace(ctx, c, from) })
}

func (s *subject) credentialFound(account domain.ID) error {
	return found(s, func(ctx context.Context, tx ports.Tx) (domain.Credential, error) {
		return tx.Credentials().ByAccount(ctx, account)
	})
}

func credentialCreateThenRead(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	want := fake.Credential(fake.Account(1), func(c *domain.Credential) { c.Version = 1 << 40 })
	if err := s.createCredential(want); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	equal(s, "the credential", s.credential(want.AccountID), want)
	s.fails("the credential of an account without one", s.credentialFound(fake.Account(2).ID), ports.ErrNotFound)
	s.fails("the credential of nobody", s.credentialFound(fake.Account(3).ID), ports.ErrNotFound)
}

func credentialOnePerAccount(s *subject) {
	s.given(fake.Account(1))
	first := fake.Credential(fake.Account(1))
	second := fake.Credential(fake.Account(1), func(c *domain.Credential) { c.Hash = domain.NewSecret("second") })
	if err := s.createCredential(first); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	s.conflicts("a second credential", s.createCredential(second), "account_id")
	equal(s, "the credential", s.credential(first.AccountID), first)
}

func credentialNeedsItsAccount(s *subject) {
	s.fails("Create without an account", s.createCredential(fake.Credential(fake.Account(1))), ports.ErrNotFound)
	s.fails("the refused credential", s.credentialFound(fake.Account(1).ID), ports.ErrNotFound)
}

func credentialReplace(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	other := fake.Credential(fake.Account(2))
	for _, c := range []domain.Credential{fake.Credential(fake.Account(1)), other} {
		if err := s.createCredential(c); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
	}
	from := int64(1)
	for _, to := range []int64{1, 2, 7} { // the first is a re-hash
		want := fake.Credential(fake.Account(1), func(c *domain.Credential) {
			c.Hash, c.Version = domain.NewSecret("changed"), to
			c.ChangedAt = fake.Epoch().Add(time.Duration(to) * time.Hour)
		})
		if err := s.replaceCredential(want, from); err != nil {
			s.Errorf("Replace from %d to %d: got error %v, want none", from, to, err)
		}
		equal(s, "the credential", s.credential(want.AccountID), want)
		from = to
	}
	equal(s, "another credential", s.credential(other.AccountID), other)
}

func credentialReplaceIsConditional(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	kept := fake.Credential(fake.Account(1), func(c *domain.Credential) { c.Version = 5 })
	if err := s.createCredential(kept); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	for _, from := range []int64{0, 4, 6} {
		changed := fake.Credential(fake.Account(1), func(c *domain.Credential) { c.Hash, c.Version = domain.NewSecret("changed"), from })
		s.fails("Replace from another version", s.replaceCredential(changed, from), ports.ErrStale)
	}
	equal(s, "the credential", s.credential(kept.AccountID), kept)
	s.fails("Replace of nothing", s.replaceCredential(fake.Credential(fake.Account(2)), 1), ports.ErrStale)
	s.fails("the credential that was not there", s.credentialFound(fake.Account(2).ID), ports.ErrNotFound)
}

func credentialCountSettings(s *subject) {
	counts := func() []domain.SettingsCount {
		return read(s, func(ctx context.Context, tx ports.Tx) ([]domain.SettingsCount, error) {
			return tx.Credentials().CountSettings(ctx)
		})
	}
	equal(s, "the number of settings in an empty store", len(counts()), 0)
	hash := func(settings string, n int) domain.PasswordHash {
		return domain.NewSecret(fmt.Sprintf("%s$salt-%d$digest-%d", settings, n, n))
	}
	const first, second, last = "$Argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=19$m=19456,t=2,p=1", "$import$argon2id$v=19$m=8,t=1,p=1"
	for n, settings := range []string{last, second, second, first, second} {
		s.given(fake.Account(n))
		if err := s.createCredential(fake.Credential(fake.Account(n), func(c *domain.Credential) { c.Hash = hash(settings, n) })); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
	}
	equal(s, "after Create", counts(), []domain.SettingsCount{{Settings: first, Count: 1}, {Settings: second, Count: 3}, {Settings: last, Count: 1}})

	batch := importedFrom(5, 4)
	batch[0].Hash, batch[1].Hash, batch[2].Hash = hash(last, 5), hash(last, 6), domain.NewSecret("no settings at all")
	batch[3].Hash = domain.PasswordHash{} // no credential
	if err := s.imports(batch); err != nil {
		s.Fatalf("the import: got error %v, want none", err)
	}
	equal(s, "after an import", counts(), []domain.SettingsCount{{Count: 1}, {Settings: first, Count: 1}, {Settings: second, Count: 3}, {Settings: last, Count: 3}})

	replace := func(n int, settings string, from int64) error {
		return s.replaceCredential(fake.Credential(fake.Account(n), func(c *domain.Credential) { c.Hash = hash(settings, n) }), from)
	}
	for n, settings := range map[int]string{3: second, 1: second, 7: last} {
		if err := replace(n, settings, 1); err != nil {
			s.Fatalf("Replace: got error %v, want none", err)
		}
	}
	s.fails("Replace from another version", replace(2, last, 7), ports.ErrStale)
	equal(s, "after Replace", counts(), []domain.SettingsCount{{Settings: second, Count: 4}, {Settings: last, Count: 4}})
}
