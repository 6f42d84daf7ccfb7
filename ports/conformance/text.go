package conformance

import (
	"context"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func textCases() []Case {
	return []Case{
		{
			"text.returns_as_given", true,
			"Text comes back byte for byte: all of Unicode, characters of four bytes, combining forms, spaces at the ends, quotes and wildcards.",
			textReturnsAsGiven,
		},
		{
			"text.case_is_kept", true,
			"What was typed keeps its case beside the canonical form, and only the exact canonical form finds it.",
			textCaseIsKept,
		},
		{
			"text.trailing_spaces_count", false,
			"Two values that differ in a trailing space are different values.",
			textTrailingSpacesCount,
		},
		{
			"text.long_values", false,
			"A user agent of 8 KiB, a message of 100 KiB and the longest address and display name are kept whole.",
			textLongValues,
		},
		{
			"text.similar_values_do_not_collide", false,
			"Values that a collation might take for the same, such as a letter with and without an accent, do not collide.",
			textSimilarValues,
		},
	}
}

func textReturnsAsGiven(s *subject) {
	for n, text := range []string{
		"Zoë Müller", "山田太郎", "👩‍👩‍👧‍👦 𝒵", "e\u0301 is not \u00e9", "عربي", "  spaces at both ends  ",
		`it's "quoted" \ ; -- 100%_`, "line\nbreak\ttab", "\u00a0", "\uFEFFmark", "",
	} {
		account := fake.Account(n, func(a *domain.Account) { a.DisplayName, a.Locale = text, text })
		token := fake.OneTimeToken(n, account, toUndo(domain.Email{Address: text, Canonical: text}))
		session := fake.Session(n, account, func(s *domain.Session) { s.UserAgent, s.ClientID, s.AuthMethods = text, text, []string{text} })
		event := fake.AuditEvent(n, func(e *domain.AuditEvent) {
			e.Actor.UserAgent, e.Actor.CorrelationID, e.Detail = text, text, map[string]string{text: text}
		})
		message := fake.Message(n, func(m *domain.Message) { m.To, m.Locale, m.Data = text, text, map[string]string{text: text} })
		s.given(account)
		s.givenSessions(session)
		s.appendEvents(event)
		s.enqueue(message)
		s.givenTokens(token)
		message.Attempt, message.DueAt = 1, fake.Epoch()
		equal(s, "the tokens", s.tokens(account.ID), []domain.OneTimeToken{token})
		holder, err := s.holder(text, fake.Epoch())
		s.fails("Holder", err, nil)
		equal(s, "the holder", holder, account.ID)
		equal(s, "the account", s.account(account.ID), account)
		equal(s, "the session", s.session(session.ID), session)
		events := s.events(domain.AuditFilter{Subject: event.Subject}, domain.PageRequest{Limit: 1}).Items
		equal(s, "the events", events, []domain.AuditEvent{event})
		equal(s, "the messages", s.claimUntil(fake.Epoch(), fake.Epoch()), []domain.Message{message})
		s.update(settle(message.ID, 1)["Sent"])
	}
}

func textCaseIsKept(s *subject) {
	account := fake.Account(1, func(a *domain.Account) {
		a.Email = domain.Email{Address: "Ada.LOVELACE@Bücher.Example", Canonical: "ada.lovelace@xn--bcher-kva.example"}
		a.Username = domain.Username{Name: "Ada.L", Canonical: "ada.l"}
	})
	s.given(account)
	equal(s, "the account", s.account(account.ID), account)
	asTyped := account
	asTyped.Email.Canonical, asTyped.Username.Canonical = account.Email.Address, account.Username.Name
	for _, name := range []string{"ByEmail", "ByUsername"} {
		s.fails(name+" of what was typed", found(s, finders(asTyped)[name]), ports.ErrNotFound)
	}
	upper := account
	upper.Email.Canonical, upper.Username.Canonical = strings.ToUpper(account.Email.Canonical), "ADA.L"
	for _, name := range []string{"ByEmail", "ByUsername"} {
		s.fails(name+" in upper case", found(s, finders(upper)[name]), ports.ErrNotFound)
	}
}

func textTrailingSpacesCount(s *subject) {
	account := fake.Account(1)
	s.given(account)
	spaced := account
	spaced.Email.Canonical += " "
	spaced.Username.Canonical += " "
	for _, name := range []string{"ByEmail", "ByUsername"} {
		s.fails(name+" with a space at the end", found(s, finders(spaced)[name]), ports.ErrNotFound)
	}
	s.givenTokens(fake.OneTimeToken(1, account, toUndo(account.Email)), fake.OneTimeToken(2, account, toUndo(spaced.Email)))
	equal(s, "the number of tokens in two slots", len(s.tokens(account.ID)), 2)
	s.fails("Spend of the one", s.spend(fake.OneTimeToken(2, account).Hash), nil)
	_, err := s.holder(spaced.Email.Canonical, fake.Epoch())
	s.fails("Holder with a space at the end", err, ports.ErrNotFound)
	if err := s.advanceGuard("guard", 0); err != nil {
		s.Fatalf("Advance: got error %v, want none", err)
	}
	equal(s, "the guard with a space at the end", s.guard("guard "), 0)
}

func textLongValues(s *subject) {
	address := strings.Repeat("L", 64) + "@" + strings.Repeat("D", 63) + "." + strings.Repeat("D", 63) + "." + strings.Repeat("D", 61)
	account := fake.Account(1, func(a *domain.Account) {
		a.Email = domain.Email{Address: address, Canonical: strings.ToLower(address)}
		a.Username = domain.Username{Name: strings.Repeat("U", 32), Canonical: strings.Repeat("u", 32)}
		a.DisplayName = strings.Repeat("𝒵", domain.MaxDisplayName)
	})
	agent := strings.Repeat("Agent/1.0 ", 1<<13/10)
	session := fake.Session(1, account, func(s *domain.Session) { s.UserAgent = agent })
	event := fake.AuditEvent(1, func(e *domain.AuditEvent) { e.Actor.UserAgent = agent })
	message := fake.Message(1, func(m *domain.Message) {
		m.To, m.Data = address, map[string]string{domain.DataDevice: strings.Repeat("0123456789", 1<<10)}
	})
	token := fake.OneTimeToken(1, account, toUndo(account.Email))
	s.given(account)
	s.givenSessions(session)
	s.appendEvents(event)
	s.enqueue(message)
	s.givenTokens(token)
	equal(s, "the tokens", s.tokens(account.ID), []domain.OneTimeToken{token})
	message.Attempt, message.DueAt = 1, fake.Epoch()
	equal(s, "the account", s.account(account.ID), account)
	equal(s, "the session", s.session(session.ID), session)
	equal(s, "the events", s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 1}).Items, []domain.AuditEvent{event})
	equal(s, "the messages", s.claimUntil(fake.Epoch(), fake.Epoch()), []domain.Message{message})
}

func textSimilarValues(s *subject) {
	for n, local := range []string{"muller", "müller", "mu\u0308ller", "mullеr" /* a Cyrillic letter */, "straße", "strasse"} {
		email := domain.Email{Address: local + "@example.org", Canonical: local + "@example.org"}
		s.given(fake.Account(n, func(a *domain.Account) { a.Email = email }))
		s.givenTokens(fake.OneTimeToken(n, fake.Account(n), toUndo(email)))
	}
	holder, err := s.holder("müller@example.org", fake.Epoch())
	s.fails("Holder", err, nil)
	equal(s, "the holder", holder, fake.Account(1).ID)
	got := read(s, func(ctx context.Context, tx ports.Tx) (domain.Account, error) {
		return tx.Accounts().ByEmail(ctx, "müller@example.org")
	})
	equal(s, "the account found", got.ID, fake.Account(1).ID)
}
