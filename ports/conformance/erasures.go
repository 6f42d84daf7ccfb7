package conformance

import (
	"context"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func erasureCases() []Case {
	return []Case{
		{
			"erasures.erase", true,
			"Erase removes the account with its credential, sessions, one-time tokens and messages of every state, frees its address and username, notes it, and leaves every other account and the audit log as they were.",
			eraseRemovesEverything,
		},
		{
			"erasures.erase_is_conditional", true,
			"Erase from a version that differs in any part, or of an account that is gone, is ErrStale and changes nothing.",
			eraseIsConditional,
		},
		{
			"erasures.pending", true,
			"Pending returns the notes that are not finished, oldest first and those of one instant by ID, at most as many as it may.",
			erasurePending,
		},
		{
			"erasures.finish", true,
			"Finish notes the instant; the note is read with it and is pending no longer. Of an account that was not erased it is ErrNotFound.",
			erasureFinish,
		},
		{
			"erasures.anonymise", true,
			"Anonymise takes the actor's address and program out of every event that the account is the subject or the actor of, at most as many at a time as it may, until it returns 0; nothing else of them changes, and no other event.",
			erasureAnonymise,
		},
		{
			"erasures.anonymise_chained", true,
			"Anonymise takes the salt from the links of the events too, also where nothing else is left to take; nothing else of them changes, and no other link.",
			erasureAnonymiseChained,
		},
		{
			"erasures.unverified", true,
			"Unverified returns the accounts made before the instant whose address was never verified, with every field, oldest first and those of one instant by ID, at most as many as it may.",
			erasureUnverified,
		},
	}
}

func (s *subject) erase(account domain.ID, from domain.AccountVersion, at time.Time) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Erasures().Erase(ctx, account, from, at) })
}

// erased adds accounts and removes them at the instant.
func (s *subject) erased(at time.Time, accounts ...domain.Account) {
	s.Helper()
	s.given(accounts...)
	for _, a := range accounts {
		if err := s.erase(a.ID, a.Version, at); err != nil {
			s.Fatalf("Erase: got error %v, want none", err)
		}
	}
}

func (s *subject) erasure(account domain.ID) domain.Erasure {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Erasure, error) {
		return tx.Erasures().ByAccount(ctx, account)
	})
}

func (s *subject) erasureFound(account domain.ID) error {
	return found(s, func(ctx context.Context, tx ports.Tx) (domain.Erasure, error) {
		return tx.Erasures().ByAccount(ctx, account)
	})
}

func (s *subject) pending(limit int) []domain.Erasure {
	s.Helper()
	return noneIfEmpty(read(s, func(ctx context.Context, tx ports.Tx) ([]domain.Erasure, error) {
		return tx.Erasures().Pending(ctx, limit)
	}))
}

func (s *subject) finish(account domain.ID, at time.Time) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Erasures().Finish(ctx, account, at) })
}

func (s *subject) anonymise(account domain.ID, limit int) int {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) (int, error) {
		return tx.Erasures().Anonymise(ctx, account, limit)
	})
}

func toAccount(a domain.Account) func(*domain.Message) {
	return func(m *domain.Message) { m.AccountID = a.ID }
}

// givenEverything adds the account with something of each kind, numbered from n on, and
// returns what can be asked for afterwards.
func (s *subject) givenEverything(n int, account domain.Account) {
	s.Helper()
	s.given(account)
	if err := s.createCredential(fake.Credential(account)); err != nil {
		s.Fatalf("Create of a credential: got error %v, want none", err)
	}
	s.givenSessions(fake.Session(n, account), fake.Session(n+1, account, endedAt(fake.Epoch())))
	s.givenTokens(fake.OneTimeToken(n, account), fake.OneTimeToken(n+1, account, toUndo(account.Email)))
	s.appendEvents(fake.AuditEvent(n, func(e *domain.AuditEvent) { e.Subject, e.Actor.ID = account.ID, string(account.ID) }))
	s.enqueue(fake.Message(n, toAccount(account)), fake.Message(n+1, toAccount(account)), fake.Message(n+2, toAccount(account)))
	claimed := s.claimUntil(fake.Epoch(), fake.Epoch().Add(day))
	equal(s, "the number of claimed messages", len(claimed), 3)
	s.update(settle(fake.Message(n).ID, 1)["Sent"])
	s.update(settle(fake.Message(n+1).ID, 1)["Abandon"])
}

func eraseRemovesEverything(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.givenEverything(10, account)
	s.givenEverything(20, other)
	anonymous := fake.Message(30, func(m *domain.Message) {
		m.AccountID, m.To, m.DueAt = "", account.Email.Address, fake.Epoch().Add(9*day)
	})
	s.enqueue(anonymous)
	events := s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items
	ownSessions, ownMessages := s.sessionsOf(other.ID), s.messagesOf(other.ID)

	at := fake.Epoch().Add(time.Hour)
	if err := s.erase(account.ID, account.Version, at); err != nil {
		s.Fatalf("Erase: got error %v, want none", err)
	}
	for name, find := range finders(account) {
		s.fails(name+" of the erased account", found(s, find), ports.ErrNotFound)
	}
	s.fails("its credential", found(s, func(ctx context.Context, tx ports.Tx) (domain.Credential, error) {
		return tx.Credentials().ByAccount(ctx, account.ID)
	}), ports.ErrNotFound)
	for n := 10; n < 12; n++ {
		s.fails("its session", s.sessionFound(fake.Session(n, account).ID), ports.ErrNotFound)
		s.fails("its token", s.tokenFound(fake.OneTimeToken(n, account).Hash), ports.ErrNotFound)
	}
	equal(s, "its sessions", s.sessionsOf(account.ID), nil)
	equal(s, "its messages", s.messagesOf(account.ID), nil)
	equal(s, "its tokens", s.tokens(account.ID), nil)
	_, err := s.holder(account.Email.Canonical, fake.Epoch())
	s.fails("Holder of its address", err, ports.ErrNotFound)
	equal(s, "the note", s.erasure(account.ID), domain.Erasure{AccountID: account.ID, At: at})

	equal(s, "the events", s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items, events)
	for name, find := range finders(other) {
		equal(s, "the other account "+name, read(s, find), other)
	}
	equal(s, "its credential", s.credential(other.ID).Hash.Reveal(), fake.Credential(other).Hash.Reveal())
	equal(s, "its sessions", s.sessionsOf(other.ID), ownSessions)
	equal(s, "its messages", s.messagesOf(other.ID), ownMessages)
	equal(s, "the number of its tokens", len(s.tokens(other.ID)), 2)
	s.fails("a note of it", s.erasureFound(other.ID), ports.ErrNotFound)
	left := ids(s.claimUntil(fake.Epoch().Add(9*day), fake.Epoch().Add(10*day)), messageID)
	equal(s, "the messages claimed later", left, []domain.ID{fake.Message(22).ID, anonymous.ID})
	if err := s.create(fake.Account(3, func(a *domain.Account) { a.Email, a.Username = account.Email, account.Username })); err != nil {
		s.Errorf("taking what was given up: got error %v, want none", err)
	}
}

func eraseIsConditional(s *subject) {
	account := fake.Account(1, func(a *domain.Account) {
		a.Version = domain.AccountVersion{AuthGeneration: 5, Credential: 5, Profile: 5}
	})
	s.givenEverything(10, account)
	sessions, messages, tokens := s.sessionsOf(account.ID), s.messagesOf(account.ID), s.tokens(account.ID)
	for _, from := range []domain.AccountVersion{
		{AuthGeneration: 4, Credential: 5, Profile: 5},
		{AuthGeneration: 5, Credential: 6, Profile: 5},
		{AuthGeneration: 5, Credential: 5, Profile: 4},
		{},
	} {
		s.fails("Erase from a version that differs", s.erase(account.ID, from, fake.Epoch()), ports.ErrStale)
		s.update(func(ctx context.Context, tx ports.Tx) error { // also where the transaction goes on
			s.fails("Erase from a version that differs", tx.Erasures().Erase(ctx, account.ID, from, fake.Epoch()), ports.ErrStale)
			return nil
		})
	}
	equal(s, "the account", s.account(account.ID), account)
	equal(s, "its credential", s.credential(account.ID).Hash.Reveal(), fake.Credential(account).Hash.Reveal())
	equal(s, "its sessions", s.sessionsOf(account.ID), sessions)
	equal(s, "its messages", s.messagesOf(account.ID), messages)
	equal(s, "its tokens", s.tokens(account.ID), tokens)
	s.fails("the note", s.erasureFound(account.ID), ports.ErrNotFound)

	s.fails("Erase", s.erase(account.ID, account.Version, fake.Epoch()), nil)
	s.fails("Erase of an account that is gone", s.erase(account.ID, account.Version, fake.Epoch().Add(day)), ports.ErrStale)
	s.fails("Erase of nobody", s.erase(fake.Account(2).ID, fake.Account(2).Version, fake.Epoch()), ports.ErrStale)
	equal(s, "the note", s.erasure(account.ID), domain.Erasure{AccountID: account.ID, At: fake.Epoch()})
}

func erasurePending(s *subject) {
	equal(s, "what is pending at first", s.pending(10), nil)
	var want []domain.Erasure
	for _, row := range []struct {
		n  int
		at time.Time
	}{{3, fake.Epoch()}, {1, fake.Epoch()}, {4, fake.Epoch().Add(-time.Hour)}, {2, fake.Epoch().Add(time.Microsecond)}} {
		s.erased(row.at, fake.Account(row.n))
	}
	for _, n := range []int{4, 1, 3, 2} {
		want = append(want, s.erasure(fake.Account(n).ID))
	}
	for limit := 1; limit <= 5; limit++ {
		equal(s, "what is pending", s.pending(limit), want[:min(limit, 4)])
	}
	s.fails("Finish", s.finish(want[1].AccountID, fake.Epoch().Add(day)), nil)
	equal(s, "what is pending then", s.pending(10), slices.Delete(slices.Clone(want), 1, 2))
}

func erasureFinish(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.erased(fake.Epoch(), account, other)
	s.given(fake.Account(3))
	end := fake.Epoch().Add(time.Hour)
	for range 2 { // two replicas may finish it
		s.fails("Finish", s.finish(account.ID, end), nil)
		equal(s, "the note", s.erasure(account.ID), domain.Erasure{AccountID: account.ID, At: fake.Epoch(), FinishedAt: end})
	}
	equal(s, "another note", s.erasure(other.ID), domain.Erasure{AccountID: other.ID, At: fake.Epoch()})
	s.fails("Finish of an account that was not erased", s.finish(fake.Account(3).ID, end), ports.ErrNotFound)
	s.fails("Finish of nobody", s.finish(fake.Account(4).ID, end), ports.ErrNotFound)
}

func erasureAnonymise(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	var mine, strange []domain.AuditEvent
	add := func(to *[]domain.AuditEvent, subject domain.ID, actor, ip, agent string) {
		n := len(mine) + len(strange)
		*to = append(*to, fake.AuditEvent(n, func(e *domain.AuditEvent) {
			e.At, e.Subject, e.Actor.ID = fake.Epoch().Add(-time.Duration(n)*time.Second), subject, actor
			e.Actor.IP, e.Actor.UserAgent = ip, agent
		}))
	}
	for range 2 {
		add(&mine, account.ID, string(account.ID), "192.0.2.1", "Example/1.0")
		add(&mine, account.ID, "", "192.0.2.1", "")
		add(&mine, account.ID, string(other.ID), "", "Example/1.0")
		add(&mine, other.ID, string(account.ID), "192.0.2.1", "Example/1.0")
		add(&mine, "", string(account.ID), "192.0.2.1", "Example/1.0")
		add(&strange, account.ID, string(account.ID), "", "") // holds nothing
		add(&strange, other.ID, string(other.ID), "192.0.2.1", "Example/1.0")
		add(&strange, "", "root", "192.0.2.1", "Example/1.0")
	}
	s.appendEvents(mine...)
	s.appendEvents(strange...)
	total := 0
	for range len(mine) {
		n := s.anonymise(account.ID, 3)
		if n > 3 {
			s.Errorf("Anonymise changed %d events, want at most 3", n)
		}
		if total += n; n == 0 {
			break
		}
	}
	equal(s, "the number of changed events", total, len(mine))
	equal(s, "the number of events changed afterwards", s.anonymise(account.ID, 10), 0)
	kept := map[domain.ID]domain.AuditEvent{}
	for _, e := range s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 100}).Items {
		kept[e.ID] = e
	}
	for _, e := range mine {
		e.Actor.IP, e.Actor.UserAgent = "", ""
		equal(s, "an event of the account", kept[e.ID], e)
	}
	for _, e := range strange {
		equal(s, "another event", kept[e.ID], e)
	}
	late := fake.AuditEvent(99, func(e *domain.AuditEvent) { e.Subject = account.ID })
	s.appendEvents(late)
	equal(s, "the number of changed events after a late one", s.anonymise(account.ID, 10), 1)
	equal(s, "the number of changed events of nobody", s.anonymise(fake.Account(9).ID, 10), 0)
}

func erasureAnonymiseChained(s *subject) {
	account := fake.Account(1)
	bare := func(e *domain.AuditEvent) { e.Actor.IP, e.Actor.UserAgent = "", "" }
	mine := func(e *domain.AuditEvent) { e.Subject = account.ID }
	events := []domain.AuditEvent{fake.AuditEvent(1), fake.AuditEvent(2, mine, bare), fake.AuditEvent(3), fake.AuditEvent(4, bare)}
	s.appendEvents(events...)
	var links []domain.AuditLink
	var want []domain.ChainedEvent
	for i, e := range events {
		chained := withLink(e, int64(i+1))
		links = append(links, chained.Link)
		if i < 2 {
			bare(&chained.Event)
			chained.Link.Salt = nil
		}
		want = append(want, chained)
	}
	if err := s.link(links, fake.AuditHead(int64(len(links))), 0); err != nil {
		s.Fatalf("Link: got error %v, want none", err)
	}
	ends := s.chainEnds()
	equal(s, "the number of changed events", s.anonymise(account.ID, 10), 2)
	equal(s, "the number of events changed afterwards", s.anonymise(account.ID, 10), 0)
	got := s.chained(0, 10)
	equal(s, "the number of chained events", len(got), len(want))
	for i := range min(len(got), len(want)) {
		got[i].Link.Salt = noneIfEmpty(got[i].Link.Salt)
		equal(s, "a link", got[i].Link, want[i].Link)
		equal(s, "its event", got[i].Event, want[i].Event)
	}
	equal(s, "the ends", s.chainEnds(), ends)
	equal(s, "the number of unchained events", len(s.unchained(10)), 0)
}

func erasureUnverified(s *subject) {
	cut := fake.Epoch().Add(day)
	made := func(n int, offset time.Duration, verified time.Time) domain.Account {
		return fake.Account(n, func(a *domain.Account) { a.CreatedAt, a.EmailVerifiedAt = cut.Add(offset), verified })
	}
	never := time.Time{}
	first, second, third := made(4, -day, never), made(1, -time.Microsecond, never), made(3, -time.Microsecond, never)
	s.given(third, made(5, 0, never), first, made(6, time.Hour, never), made(2, -day, fake.Epoch()), second)
	unverified := func(limit int) []domain.Account {
		return noneIfEmpty(read(s, func(ctx context.Context, tx ports.Tx) ([]domain.Account, error) {
			return tx.Erasures().Unverified(ctx, cut, limit)
		}))
	}
	want := []domain.Account{first, second, third}
	for limit := 1; limit <= 4; limit++ {
		equal(s, "the accounts", unverified(limit), want[:min(limit, 3)])
	}
	verified := made(1, -time.Microsecond, fake.Epoch())
	if err := s.updateAccount(verified, second.Version); err != nil {
		s.Fatalf("Update: got error %v, want none", err)
	}
	equal(s, "the accounts after a verification", unverified(10), []domain.Account{first, third})
}
