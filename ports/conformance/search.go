package conformance

import (
	"context"
	"slices"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func searchCases() []Case {
	return []Case{
		{
			"search.prefix", false,
			"Search finds the accounts whose canonical e-mail address or username begins with the prefix, whatever characters follow it, and no other; none without a username by username.",
			searchPrefix,
		},
		{
			"search.order_of_bytes", false,
			"Accounts are listed in the order of the bytes of what they are searched by.",
			searchOrderOfBytes,
		},
		{
			"search.pages", false,
			"Pages follow one another without a gap and without a row twice, also while accounts are added and renamed, and the last one says that it is.",
			searchPages,
		},
		{
			"search.no_text", false,
			"A prefix that no text can begin with finds nothing.",
			searchNoText,
		},
	}
}

// named is account n with the name as its username, and as its e-mail address.
func named(n int, name string) domain.Account {
	return fake.Account(n, func(a *domain.Account) {
		a.Username = domain.Username{Name: name, Canonical: name}
		a.Email = domain.Email{Address: name + "@example.com", Canonical: name + "@example.com"}
	})
}

// found are the usernames of a whole search by pages of limit rows.
func (s *subject) found(search domain.AccountSearch, limit int) []string {
	s.Helper()
	var names []string
	ids := walk(s, limit, func(request domain.PageRequest) domain.Page[domain.ID] {
		page := s.search(search, request)
		for _, a := range page.Items {
			names = append(names, a.Username.Name)
		}
		return domain.Page[domain.ID]{Items: ids(page.Items, func(a domain.Account) domain.ID { return a.ID }), Next: page.Next}
	})
	if len(ids) != len(names) {
		s.Errorf("got %d rows with %d names", len(ids), len(names))
	}
	return names
}

func (s *subject) search(search domain.AccountSearch, request domain.PageRequest) domain.Page[domain.Account] {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Account], error) {
		return tx.Accounts().Search(ctx, search, request)
	})
}

func orders() []domain.AccountOrder {
	return []domain.AccountOrder{domain.AccountsByEmail, domain.AccountsByUsername}
}

func searchPrefix(s *subject) {
	names := []string{"ann", "anna", "ann%", "ann_a", "ann\U0010ffff", "ann\U0010ffff\U0010ffff", "ann\ud7ff", "ano", "bob", "a", "am\U0010ffff"}
	for i, name := range names {
		s.given(named(i+1, name))
	}
	s.given(fake.Account(90, func(a *domain.Account) {
		a.Username = domain.Username{}
		a.Email = domain.Email{Address: "ann-without@example.com", Canonical: "ann-without@example.com"}
	}))
	for _, prefix := range []string{"", "a", "an", "ann", "ann%", "ann_", "ann\ud7ff", "ann\U0010ffff", "ann\U0010ffff\U0010ffff", "b", "c", "\U0010ffff"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		equal(s, "by username, beginning with "+prefix, s.found(domain.AccountSearch{Order: domain.AccountsByUsername, Prefix: prefix}, domain.MaxPageLimit), want)
	}
	page := s.search(domain.AccountSearch{Order: domain.AccountsByEmail, Prefix: "ann-"}, domain.PageRequest{Limit: 2})
	equal(s, "by e-mail address", ids(page.Items, func(a domain.Account) domain.ID { return a.ID }), []domain.ID{fake.Account(90).ID})
	whole := s.search(domain.AccountSearch{Order: domain.AccountsByEmail, Prefix: "bob@example.com"}, domain.PageRequest{Limit: 2})
	equal(s, "by the whole address", whole.Items, []domain.Account{named(9, "bob")})
}

func searchOrderOfBytes(s *subject) {
	want := []string{"-a", "0", "Z", "_", "a b", "a-c", "aa", "b", "ä", "日", "\uffff", "\U00010000"}
	for i, name := range want {
		s.given(named(len(want)-i, name))
	}
	for _, order := range orders() {
		equal(s, "by "+string(order), s.found(domain.AccountSearch{Order: order}, domain.MaxPageLimit), want)
	}
}

func searchPages(s *subject) {
	want := []string{"n0", "n1", "n2", "n3", "n4", "n5"}
	for i, name := range want {
		s.given(named(i+1, name))
	}
	s.given(named(80, "m"), named(81, "o"))
	for _, order := range orders() {
		search := domain.AccountSearch{Order: order, Prefix: "n"}
		for _, limit := range []int{1, 2, 3, 5, 6, 7} {
			equal(s, "by "+string(order), s.found(search, limit), want)
		}
		if full := s.search(search, domain.PageRequest{Limit: len(want)}); full.Next != nil {
			s.Errorf("by %s: got Next %+v after the last row, want nil", order, *full.Next)
		}
		first := s.search(search, domain.PageRequest{Limit: 2})
		last := order.Position(named(2, "n1"))
		if first.Next == nil || *first.Next != last {
			s.Fatalf("by %s: got Next %+v, want %+v", order, first.Next, last)
		}
	}
	search := domain.AccountSearch{Order: domain.AccountsByUsername, Prefix: "n"}
	first := s.search(search, domain.PageRequest{Limit: 2})
	s.given(named(90, "n0a"), named(91, "n3a"))
	s.update(func(ctx context.Context, tx ports.Tx) error { // the last one of the first page goes behind it
		kept := named(2, "n1")
		renamed := kept
		renamed.Username = domain.Username{Name: "n9", Canonical: "n9"}
		renamed.Version.Profile++
		return tx.Accounts().Update(ctx, renamed, kept.Version)
	})
	var rest []string
	for _, a := range s.search(search, domain.PageRequest{Limit: 10, After: first.Next}).Items {
		rest = append(rest, a.Username.Name)
	}
	equal(s, "the second page", rest, []string{"n2", "n3", "n3a", "n4", "n5", "n9"})
}

func searchNoText(s *subject) {
	s.given(named(1, "a"))
	for _, order := range orders() {
		for _, prefix := range []string{"\x00", "a\x00", "\xff", "a\xff"} {
			equal(s, "the number found by "+string(order), len(s.search(domain.AccountSearch{Order: order, Prefix: prefix}, domain.PageRequest{Limit: 1}).Items), 0)
		}
	}
}
