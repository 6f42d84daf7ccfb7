package conformance

import (
	"context"
	"fmt"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func importCases() []Case {
	return []Case{
		{
			"imports.taken", true,
			"Taken returns whose the canonical e-mail addresses and usernames are, in any mix of taken and free ones, and nothing for what no account has.",
			importsTaken,
		},
		{
			"imports.create_as_one_by_one", true,
			"Imported accounts, credentials and events are read by every call as those that were created one by one, and change like them.",
			importsCreate,
		},
		{
			"imports.without_hash", true,
			"An imported account without a hash has no credential and can be given one.",
			importsWithoutHash,
		},
		{
			"imports.full_batch", true,
			"A batch of the largest size is imported whole, and asked for whole; of a larger one, ErrBatchTooLarge, nothing is.",
			importsFullBatch,
		},
		{
			"imports.conflicts", true,
			"A batch of which one e-mail address, username or ID is taken, by an account that was there or by another of the batch, is a conflict of that field and leaves nothing.",
			importsConflicts,
		},
		{
			"imports.failed_batch_leaves_nothing", true,
			"A batch that met a conflict leaves nothing in a transaction that goes on and is kept.",
			importsFailedBatch,
		},
	}
}

// imported is account n with its credential and event, as they would be created.
func imported(n int) (domain.ImportedAccount, domain.Credential) {
	account := fake.Account(n)
	credential := fake.Credential(account)
	return domain.ImportedAccount{Account: account, Hash: credential.Hash, Event: fake.AuditEvent(n)}, credential
}

// importedFrom are the accounts from number n on.
func importedFrom(n, count int) []domain.ImportedAccount {
	batch := make([]domain.ImportedAccount, count)
	for i := range batch {
		batch[i], _ = imported(n + i)
	}
	return batch
}

func (s *subject) imports(batch []domain.ImportedAccount) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Imports().Create(ctx, batch) })
}

func (s *subject) taken(emails, usernames []string) domain.TakenIdentifiers {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.TakenIdentifiers, error) {
		return tx.Imports().Taken(ctx, emails, usernames)
	})
}

// notImported checks that nothing of the batch is there.
func (s *subject) notImported(what string, batch []domain.ImportedAccount) {
	s.Helper()
	for _, i := range batch {
		s.fails(what+": the account", found(s, finders(i.Account)["ByID"]), ports.ErrNotFound)
		s.fails(what+": the credential", s.credentialFound(i.Account.ID), ports.ErrNotFound)
		equal(s, what+": the number of events", len(s.events(domain.AuditFilter{Subject: i.Event.Subject}, domain.PageRequest{Limit: 1}).Items), 0)
	}
}

func importsTaken(s *subject) {
	nameless := fake.Account(3, func(a *domain.Account) { a.Username = domain.Username{} })
	s.given(fake.Account(1), fake.Account(2), nameless)
	first, second, free := fake.Account(1), fake.Account(2), fake.Account(4)
	for _, c := range []struct {
		name              string
		emails, usernames []string
		wantEmails        map[string]domain.ID
		wantUsernames     map[string]domain.ID
	}{
		{name: "nothing"},
		{
			name:   "addresses alone",
			emails: []string{free.Email.Canonical, first.Email.Canonical}, wantEmails: map[string]domain.ID{first.Email.Canonical: first.ID},
		},
		{
			name:      "usernames alone",
			usernames: []string{second.Username.Canonical, free.Username.Canonical}, wantUsernames: map[string]domain.ID{second.Username.Canonical: second.ID},
		},
		{
			name: "both, some of them twice",
			emails: []string{
				first.Email.Canonical, free.Email.Canonical, nameless.Email.Canonical, first.Email.Canonical,
			},
			usernames:     []string{free.Username.Canonical, second.Username.Canonical, second.Username.Canonical},
			wantEmails:    map[string]domain.ID{first.Email.Canonical: first.ID, nameless.Email.Canonical: nameless.ID},
			wantUsernames: map[string]domain.ID{second.Username.Canonical: second.ID},
		},
		{name: "what is free", emails: []string{free.Email.Canonical}, usernames: []string{free.Username.Canonical}},
		{name: "the empty text", emails: []string{""}, usernames: []string{""}},
		{name: "what was typed", emails: []string{first.Email.Address}, usernames: []string{first.Username.Name}},
		{name: "each in the place of the other", emails: []string{first.Username.Canonical}, usernames: []string{first.Email.Canonical}},
	} {
		got := s.taken(c.emails, c.usernames)
		sameOwners(s, "the taken addresses of "+c.name, got.Emails, c.wantEmails)
		sameOwners(s, "the taken usernames of "+c.name, got.Usernames, c.wantUsernames)
	}
}

// sameOwners checks what Taken returned, where none may be nil or empty.
func sameOwners(s *subject, what string, got, want map[string]domain.ID) {
	s.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	equal(s, what, got, want)
}

func importsCreate(s *subject) {
	west := zones(fake.Epoch())[1]
	batch := importedFrom(1, 3)
	account, event := &batch[0].Account, &batch[0].Event
	account.Status, account.Version = domain.AccountDisabled, domain.AccountVersion{AuthGeneration: 3, Credential: 5, Profile: 1 << 40}
	account.Roles, account.DisplayName = []domain.Role{domain.RoleUser, domain.RoleAuditor}, `Zoë "𝒵" O'Neil <&> --`
	account.CreatedAt, account.UpdatedAt, account.EmailVerifiedAt, account.LastLoginAt, event.At = west, west, west, west, west
	event.Detail = map[string]string{"from": "users <old>", "": "empty name"}
	bare := &batch[1]
	bare.Account.Username, bare.Account.DisplayName, bare.Account.Roles = domain.Username{}, "", nil
	bare.Account.EmailVerifiedAt = bare.Account.LastLoginAt
	bare.Event = domain.AuditEvent{ID: bare.Event.ID, At: fake.Epoch(), Actor: domain.Actor{Kind: domain.ActorSystem}, Action: domain.AuditAccountCreated, Subject: bare.Account.ID}

	want := slices.Clone(batch)
	for i := range want {
		want[i].Account = want[i].Account.Clone()
		want[i].Event = fake.AuditEvent(i + 1)
	}
	want[1].Event = bare.Event
	want[0].Event.Detail = map[string]string{"from": "users <old>", "": "empty name"}
	at := &want[0].Account
	at.CreatedAt, at.UpdatedAt, at.EmailVerifiedAt, at.LastLoginAt = fake.Epoch(), fake.Epoch(), fake.Epoch(), fake.Epoch()

	if err := s.imports(nil); err != nil {
		s.Errorf("an import of nothing: got error %v, want none", err)
	}
	if err := s.imports(batch); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	account.Roles[0], event.Detail["from"] = "spoiled", "spoiled"
	for i, w := range want {
		for name, find := range finders(w.Account) {
			if name != "ByUsername" || !w.Account.Username.IsZero() {
				equal(s, fmt.Sprintf("account %d %s", i, name), read(s, find), w.Account)
			}
		}
		credential := fake.Credential(w.Account)
		got := s.credential(w.Account.ID)
		equal(s, "the credential", got, credential)
		equal(s, "its hash", got.Hash.Reveal(), credential.Hash.Reveal())
		events := s.events(domain.AuditFilter{Subject: w.Account.ID, Action: w.Event.Action}, domain.PageRequest{Limit: 2}).Items
		equal(s, "the number of events", len(events), 1)
		for _, e := range events {
			equal(s, "the event", e, w.Event)
		}
	}
	last := want[2].Account
	changed := last.Clone()
	changed.DisplayName, changed.Version.Credential = "Changed", 2
	fresh := fake.Credential(changed)
	s.update(func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Accounts().Update(ctx, changed, last.Version); err != nil {
			return err
		}
		return tx.Credentials().Replace(ctx, fresh, last.Version.Credential)
	})
	equal(s, "an imported account after a change", s.account(last.ID), changed)
	equal(s, "an imported credential after a change", s.credential(last.ID), fresh)
}

func importsWithoutHash(s *subject) {
	batch := importedFrom(1, 3)
	batch[1].Hash = domain.PasswordHash{}
	if err := s.imports(batch); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	alone := importedFrom(4, 1)
	alone[0].Hash = domain.PasswordHash{}
	if err := s.imports(alone); err != nil {
		s.Fatalf("Create of one without a hash: got error %v, want none", err)
	}
	for _, n := range []int{1, 3} {
		equal(s, "the credential of another of the batch", s.credential(fake.Account(n).ID), fake.Credential(fake.Account(n)))
	}
	for _, n := range []int{2, 4} {
		account := fake.Account(n)
		equal(s, "the account without a hash", s.account(account.ID), account)
		s.fails("its credential", s.credentialFound(account.ID), ports.ErrNotFound)
		if err := s.createCredential(fake.Credential(account)); err != nil {
			s.Errorf("Create of its credential: got error %v, want none", err)
		}
	}
}

func importsFullBatch(s *subject) {
	const most = domain.MaxImportBatch
	s.given(fake.Account(most + 1))
	if err := s.imports(importedFrom(0, most)); err != nil {
		s.Fatalf("Create of %d: got error %v, want none", most, err)
	}
	var emails, usernames []string
	for n := range most + 2 {
		account := fake.Account(n)
		emails, usernames = append(emails, account.Email.Canonical), append(usernames, account.Username.Canonical)
	}
	got := s.taken(emails[:most], usernames[2:])
	equal(s, "the number of taken addresses", len(got.Emails), most)
	equal(s, "the number of taken usernames", len(got.Usernames), most-1) // the last but one is free
	for _, n := range []int{0, 1, most / 2, most - 1} {
		account := fake.Account(n)
		equal(s, "an account of the batch", s.account(account.ID), account)
		equal(s, "whose address it is", got.Emails[account.Email.Canonical], account.ID)
		equal(s, "its credential", s.credential(account.ID), fake.Credential(account))
		events := s.events(domain.AuditFilter{Subject: account.ID}, domain.PageRequest{Limit: 2}).Items
		equal(s, "its events", ids(events, eventID), []domain.ID{fake.AuditEvent(n).ID})
	}

	tooMany := importedFrom(2*most, most+1)
	s.fails("Create of one more", s.imports(tooMany), ports.ErrBatchTooLarge)
	s.notImported("a batch too large", []domain.ImportedAccount{tooMany[0], tooMany[most]})
	for _, c := range [][2][]string{{emails[:most+1], nil}, {nil, usernames[:most+1]}} {
		s.fails("Taken of one more", found(s, func(ctx context.Context, tx ports.Tx) (domain.TakenIdentifiers, error) {
			return tx.Imports().Taken(ctx, c[0], c[1])
		}), ports.ErrBatchTooLarge)
	}
}

func importsConflicts(s *subject) {
	const size = 5
	s.given(fake.Account(0))
	s.appendEvents(fake.AuditEvent(0))
	stored, _ := imported(0)
	for _, c := range []struct {
		field string
		take  func(to *domain.ImportedAccount, of domain.ImportedAccount)
	}{
		{"email", func(to *domain.ImportedAccount, of domain.ImportedAccount) {
			to.Account.Email = domain.Email{Address: "typed@otherwise", Canonical: of.Account.Email.Canonical}
		}},
		{"username", func(to *domain.ImportedAccount, of domain.ImportedAccount) {
			to.Account.Username = domain.Username{Name: "Otherwise", Canonical: of.Account.Username.Canonical}
		}},
		{"id", func(to *domain.ImportedAccount, of domain.ImportedAccount) { to.Account.ID = of.Account.ID }},
		{"id", func(to *domain.ImportedAccount, of domain.ImportedAccount) { to.Event.ID = of.Event.ID }},
	} {
		for _, at := range []int{0, size / 2, size - 1} {
			batch := importedFrom(1, size)
			c.take(&batch[at], stored)
			s.conflicts("a batch with one that is taken", s.imports(batch), c.field)
			s.notImported("after a conflict", importedFrom(1, size))

			batch = importedFrom(1, size)
			c.take(&batch[at], batch[(at+1)%size])
			s.conflicts("a batch with the same twice", s.imports(batch), c.field)
			s.notImported("after a conflict within a batch", importedFrom(1, size))
		}
	}
	equal(s, "the account that was there", s.account(stored.Account.ID), stored.Account)
	equal(s, "the events", s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items, []domain.AuditEvent{stored.Event})
	if err := s.imports(importedFrom(1, size)); err != nil {
		s.Errorf("the batch without the conflict: got error %v, want none", err)
	}
}

func importsFailedBatch(s *subject) {
	s.given(fake.Account(0))
	s.appendEvents(fake.AuditEvent(0))
	email, event := importedFrom(1, 3), importedFrom(1, 3)
	email[2].Account.Email = fake.Account(0).Email
	event[2].Event.ID = fake.AuditEvent(0).ID // the last row of all
	kept, _ := imported(9)
	var first, second error
	s.update(func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Guards().Advance(ctx, worldGuard, 0); err != nil {
			return err
		}
		first, second = tx.Imports().Create(ctx, email), tx.Imports().Create(ctx, event)
		return tx.Imports().Create(ctx, []domain.ImportedAccount{kept})
	})
	s.conflicts("a batch with a taken address", first, "email")
	s.conflicts("a batch with a taken event", second, "id")
	s.notImported("after two conflicts", importedFrom(1, 3))
	equal(s, "what was written before", s.guard(worldGuard), 1)
	equal(s, "what was imported after", s.account(kept.Account.ID), kept.Account)
}
