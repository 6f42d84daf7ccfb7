package ports

import (
	"context"

	"authserve/core/domain"
)

// PersonalData reads what else is kept of an account, for its owner to see.
type PersonalData interface {
	// Sessions returns every session of the account, ended ones too, newest first by
	// (CreatedAt, ID).
	Sessions(ctx context.Context, accountID domain.ID, page domain.PageRequest) (domain.Page[domain.Session], error)
	// Messages returns every message to the account, newest first by (CreatedAt, ID).
	Messages(ctx context.Context, accountID domain.ID, page domain.PageRequest) (domain.Page[domain.Message], error)
}
