package conformance

import (
	"context"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func pagingCases() []Case {
	return []Case{
		{
			"paging.limit_and_end", false,
			"A page has at most Limit rows; Next is nil on the last page, also when that is full.",
			pagingLimitAndEnd,
		},
		{
			"paging.ties_by_id", false,
			"Rows of one instant follow one another by ID, across page borders too, none twice and none left out.",
			pagingTiesByID,
		},
		{
			"paging.stable_under_inserts", false,
			"Rows added between two pages move no other row: none comes twice, none is left out.",
			pagingStableUnderInserts,
		},
		{
			"paging.stable_under_removals", false,
			"Rows that leave the list between two pages, the last one of a page included, move no other row.",
			pagingStableUnderRemovals,
		},
		{
			"paging.after_any_position", false,
			"A list goes on after a position at which no row is.",
			pagingAfterAnyPosition,
		},
	}
}

// list is one of the lists in pages, filled and read by the position of rows.
type list struct {
	name   string
	add    func(s *subject, n int, at time.Time) domain.ID
	remove func(s *subject, id domain.ID) // nil: rows stay
	page   func(s *subject, request domain.PageRequest) domain.Page[domain.ID]
}

func lists() []list {
	return []list{
		{
			name: "Sessions.ListActive",
			add: func(s *subject, n int, at time.Time) domain.ID {
				session := fake.Session(n, fake.Account(1), func(s *domain.Session) { s.CreatedAt = at })
				s.givenSessions(session)
				return session.ID
			},
			remove: func(s *subject, id domain.ID) { s.end(id, domain.EndedByLogout, fake.Epoch()) },
			page: func(s *subject, request domain.PageRequest) domain.Page[domain.ID] {
				page := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
					return tx.Sessions().ListActive(ctx, fake.Account(1).ID, fake.Epoch(), 0, request)
				})
				return domain.Page[domain.ID]{Items: ids(page.Items, sessionID), Next: page.Next}
			},
		},
		{
			name: "Audit.List",
			add: func(s *subject, n int, at time.Time) domain.ID {
				event := fake.AuditEvent(n, func(e *domain.AuditEvent) { e.At = at })
				s.appendEvents(event)
				return event.ID
			},
			page: func(s *subject, request domain.PageRequest) domain.Page[domain.ID] {
				page := s.events(domain.AuditFilter{}, request)
				return domain.Page[domain.ID]{Items: ids(page.Items, eventID), Next: page.Next}
			},
		},
		{
			name: "PersonalData.Sessions",
			add: func(s *subject, n int, at time.Time) domain.ID {
				session := fake.Session(1000+n, fake.Account(2), endedAt(fake.Epoch()), func(s *domain.Session) { s.CreatedAt = at })
				s.givenSessions(session)
				return session.ID
			},
			page: func(s *subject, request domain.PageRequest) domain.Page[domain.ID] {
				page := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
					return tx.PersonalData().Sessions(ctx, fake.Account(2).ID, request)
				})
				return domain.Page[domain.ID]{Items: ids(page.Items, sessionID), Next: page.Next}
			},
		},
		{
			name: "PersonalData.Messages",
			add: func(s *subject, n int, at time.Time) domain.ID {
				message := fake.Message(n, toAccount(fake.Account(1)), func(m *domain.Message) { m.CreatedAt = at })
				s.enqueue(message)
				return message.ID
			},
			page: func(s *subject, request domain.PageRequest) domain.Page[domain.ID] {
				page := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Message], error) {
					return tx.PersonalData().Messages(ctx, fake.Account(1).ID, request)
				})
				return domain.Page[domain.ID]{Items: ids(page.Items, messageID), Next: page.Next}
			},
		},
	}
}

// walk reads a list to its end in pages of limit rows.
func walk(s *subject, limit int, page func(domain.PageRequest) domain.Page[domain.ID]) []domain.ID {
	s.Helper()
	all := []domain.ID{}
	request := domain.PageRequest{Limit: limit}
	for range 100 {
		got := page(request)
		if len(got.Items) > limit {
			s.Errorf("got a page of %d rows, want at most %d", len(got.Items), limit)
		}
		all = append(all, got.Items...)
		if got.Next == nil {
			return all
		}
		if len(got.Items) == 0 {
			s.Fatalf("got an empty page that is not the last")
		}
		request.After = got.Next
	}
	s.Fatalf("got no end of a list within 100 pages")
	return nil
}

// walk reads the list to its end in pages of limit rows.
func (l list) walk(s *subject, limit int) []domain.ID {
	s.Helper()
	return walk(s, limit, func(request domain.PageRequest) domain.Page[domain.ID] { return l.page(s, request) })
}

// filled adds n rows, a second apart, and returns their IDs, newest first.
func (l list) filled(s *subject, n int) []domain.ID {
	s.Helper()
	rows := make([]domain.ID, n)
	for i := range n {
		rows[n-1-i] = l.add(s, i, fake.Epoch().Add(time.Duration(i)*time.Second))
	}
	return rows
}

func pagingLimitAndEnd(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	for _, l := range lists() {
		equal(s, l.name+" of nothing", l.walk(s, 2), []domain.ID{})
		want := l.filled(s, 6)
		for _, limit := range []int{1, 2, 3, 4, 6, 7, domain.MaxPageLimit} {
			equal(s, l.name, l.walk(s, limit), want)
		}
		full := l.page(s, domain.PageRequest{Limit: 6})
		if full.Next != nil {
			s.Errorf("%s: got Next %+v after the last row, want nil", l.name, *full.Next)
		}
		first := l.page(s, domain.PageRequest{Limit: 2})
		position := domain.Position{At: fake.Epoch().Add(4 * time.Second), ID: want[1]}
		if first.Next == nil || *first.Next != position {
			s.Errorf("%s: got Next %+v, want %+v", l.name, first.Next, position)
		}
	}
}

func pagingTiesByID(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	for _, l := range lists() {
		var want []domain.ID
		for _, n := range []int{3, 1, 5, 2, 4} {
			want = append(want, l.add(s, n, fake.Epoch()))
		}
		slices.Sort(want)
		slices.Reverse(want)
		for limit := 1; limit <= 5; limit++ {
			equal(s, l.name+" of one instant", l.walk(s, limit), want)
		}
	}
}

func pagingStableUnderInserts(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	for _, l := range lists() {
		want := l.filled(s, 6)
		first := l.page(s, domain.PageRequest{Limit: 2})
		l.add(s, 90, fake.Epoch().Add(time.Hour))
		l.add(s, 91, fake.Epoch().Add(5*time.Second)) // of the instant of a row that was shown
		older := l.add(s, 92, fake.Epoch().Add(-time.Hour))
		second := l.page(s, domain.PageRequest{Limit: 10, After: first.Next})
		equal(s, l.name+" before and after inserts", append(first.Items, second.Items...), append(want, older))
	}
}

func pagingStableUnderRemovals(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	for _, l := range lists() {
		if l.remove == nil {
			continue
		}
		rows := l.filled(s, 6)
		first := l.page(s, domain.PageRequest{Limit: 2})
		l.remove(s, rows[0])
		l.remove(s, rows[1])
		l.remove(s, rows[3])
		second := l.page(s, domain.PageRequest{Limit: 10, After: first.Next})
		equal(s, l.name+" after removals", second.Items, []domain.ID{rows[2], rows[4], rows[5]})
	}
}

func pagingAfterAnyPosition(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	for _, l := range lists() {
		rows := l.filled(s, 4)
		for want, at := range map[int]time.Time{
			0: fake.Epoch().Add(time.Hour),
			2: fake.Epoch().Add(1500 * time.Millisecond),
			4: fake.Epoch().Add(-time.Hour),
		} {
			after := domain.Position{At: at, ID: rows[0]}
			equal(s, l.name+" after "+at.String(), l.page(s, domain.PageRequest{Limit: 10, After: &after}).Items, rows[want:])
		}
	}
}
