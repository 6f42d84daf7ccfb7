package memstore

import (
	"context"
	"maps"

	"authserve/core/domain"
	"authserve/ports"
)

type audit struct{ *tx }

var _ ports.Audit = audit{}

// Append implements ports.Audit.
func (s audit) Append(ctx context.Context, e domain.AuditEvent) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if s.data.events.has(e.ID) {
		return ports.Conflict("id")
	}
	e.Detail = maps.Clone(e.Detail)
	e.At = domain.Instant(e.At)
	s.data.events.put(s.tx, e.ID, e)
	return nil
}

// List implements ports.Audit.
func (s audit) List(ctx context.Context, filter domain.AuditFilter, request domain.PageRequest) (domain.Page[domain.AuditEvent], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.AuditEvent]{}, err
	}
	var found []domain.AuditEvent
	for _, e := range s.data.events {
		if (filter.Subject == "" || e.Subject == filter.Subject) && (filter.Action == "" || e.Action == filter.Action) {
			found = append(found, e)
		}
	}
	page := pageOf(found, 0, func(e domain.AuditEvent) domain.Position {
		return domain.Position{At: e.At, ID: e.ID}
	}, request)
	for i := range page.Items {
		page.Items[i].Detail = maps.Clone(page.Items[i].Detail)
	}
	return page, nil
}
