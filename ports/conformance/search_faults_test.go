package conformance_test

import (
	"context"
	"slices"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
)

func searchFaults() []fault {
	return []fault{
		{"finds whatever contains it", searching(anywhere), []string{"search.prefix", "search.pages"}},
		{"takes wildcards", searching(wildcards), []string{"search.prefix"}},
		{"lists in the order of a dictionary", searching(dictionary), []string{"search.order_of_bytes"}},
		{"begins each page anew", searching(fromTheStart), []string{"search.pages"}},
		{"has no last page", searching(endlessly), []string{"search.pages"}},
		{"reads no text as nothing", searching(emptied), []string{"search.no_text"}},
	}
}

type search = func(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error)

func searching(search search) func(ports.Store) ports.Store {
	return with(func(tx ports.Tx) ports.Tx { return otherSearch{Tx: tx, search: search} })
}

type otherSearch struct {
	ports.Tx
	search search
}

func (t otherSearch) Accounts() ports.Accounts { return otherSearchStore{t.Tx.Accounts(), t.search} }

type otherSearchStore struct {
	ports.Accounts
	search search
}

func (s otherSearchStore) Search(ctx context.Context, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	return s.search(ctx, s.Accounts, search, page)
}

func anywhere(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	all, err := accounts.Search(ctx, domain.AccountSearch{Order: search.Order}, page)
	all.Items = slices.DeleteFunc(all.Items, func(a domain.Account) bool {
		return !strings.Contains(search.Order.Position(a).Text, search.Prefix)
	})
	return all, err
}

func wildcards(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	search.Prefix = strings.TrimRight(search.Prefix, "%_")
	return accounts.Search(ctx, search, page)
}

func dictionary(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	got, err := accounts.Search(ctx, search, page)
	slices.SortStableFunc(got.Items, func(a, b domain.Account) int {
		return strings.Compare(strings.ToLower(search.Order.Position(a).Text), strings.ToLower(search.Order.Position(b).Text))
	})
	return got, err
}

func fromTheStart(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	if page.After != nil {
		page.After = &domain.Position{ID: page.After.ID}
	}
	return accounts.Search(ctx, search, page)
}

func endlessly(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	got, err := accounts.Search(ctx, search, page)
	if got.Next == nil && len(got.Items) == page.Limit {
		last := search.Order.Position(got.Items[page.Limit-1])
		got.Next = &last
	}
	return got, err
}

func emptied(ctx context.Context, accounts ports.Accounts, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error) {
	search.Prefix = strings.Trim(search.Prefix, "\x00\uFFFD") // U+FFFD stands for bytes that are no UTF-8
	return accounts.Search(ctx, search, page)
}
