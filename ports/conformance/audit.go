package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func auditCases() []Case {
	return []Case{
		{
			"audit.append_then_list", true,
			"Appended events are listed with every field, newest first.",
			auditAppendThenList,
		},
		{
			"audit.id_is_unique", true,
			"Appending an event whose ID is taken is a conflict of id and leaves the first as it is.",
			auditIDIsUnique,
		},
		{
			"audit.filter", false,
			"The filter narrows by subject, by action, and by both; empty fields do not filter.",
			auditFilter,
		},
	}
}

func (s *subject) appendEvents(events ...domain.AuditEvent) {
	s.Helper()
	s.update(func(ctx context.Context, tx ports.Tx) error {
		for _, e := range events {
			if err := tx.Audit().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *subject) events(filter domain.AuditFilter, page domain.PageRequest) domain.Page[domain.AuditEvent] {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.AuditEvent], error) {
		return tx.Audit().List(ctx, filter, page)
	})
}

func auditAppendThenList(s *subject) {
	equal(s, "the number of events of an empty log", len(s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items), 0)
	full := fake.AuditEvent(1, func(e *domain.AuditEvent) {
		e.Detail = map[string]string{"reason": "reuse_detected", "": "empty name", "empty value": ""}
	})
	bare := domain.AuditEvent{
		ID: fake.AuditEvent(2).ID, At: fake.Epoch().Add(-time.Second),
		Actor: domain.Actor{Kind: domain.ActorSystem}, Action: domain.AuditKeyCreated,
	}
	newest := fake.AuditEvent(3, func(e *domain.AuditEvent) { e.At = fake.Epoch().Add(time.Second) })
	s.appendEvents(full, bare, newest)
	want := []domain.AuditEvent{newest, full, bare}
	got := s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items
	equal(s, "the order of events", ids(got, eventID), ids(want, eventID))
	for i := range min(len(got), len(want)) {
		equal(s, "a listed event", got[i], want[i])
	}
}

func auditIDIsUnique(s *subject) {
	first := fake.AuditEvent(1)
	s.appendEvents(first)
	err := s.try(func(ctx context.Context, tx ports.Tx) error {
		return tx.Audit().Append(ctx, fake.AuditEvent(2, func(e *domain.AuditEvent) { e.ID = first.ID }))
	})
	s.conflicts("a second event of the same ID", err, "id")
	equal(s, "the events", s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items, []domain.AuditEvent{first})
}

func auditFilter(s *subject) {
	one, two := fake.Account(1).ID, fake.Account(2).ID
	event := func(n int, subject domain.ID, action domain.AuditAction) domain.AuditEvent {
		return fake.AuditEvent(n, func(e *domain.AuditEvent) { e.Subject, e.Action = subject, action })
	}
	s.appendEvents(
		event(1, one, domain.AuditLoginSucceeded), event(2, two, domain.AuditLoginSucceeded),
		event(3, one, domain.AuditLoginFailed), event(4, "", domain.AuditLoginFailed))
	for _, c := range []struct {
		name   string
		filter domain.AuditFilter
		want   []int
	}{
		{"none", domain.AuditFilter{}, []int{4, 3, 2, 1}},
		{"subject", domain.AuditFilter{Subject: one}, []int{3, 1}},
		{"action", domain.AuditFilter{Action: domain.AuditLoginFailed}, []int{4, 3}},
		{"subject and action", domain.AuditFilter{Subject: one, Action: domain.AuditLoginFailed}, []int{3}},
		{"what is not there", domain.AuditFilter{Subject: two, Action: domain.AuditLoginFailed}, nil},
	} {
		want := make([]domain.ID, len(c.want))
		for i, n := range c.want {
			want[i] = fake.AuditEvent(n).ID
		}
		// In pages, since the filter must hold beyond the first one.
		equal(s, "the events filtered by "+c.name, walk(s, 1, func(page domain.PageRequest) domain.Page[domain.ID] {
			events := s.events(c.filter, page)
			return domain.Page[domain.ID]{Items: ids(events.Items, eventID), Next: events.Next}
		}), want)
	}
}
