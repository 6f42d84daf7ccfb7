package memstore

import (
	"context"

	"authserve/core/domain"
	"authserve/ports"
)

type imports struct{ *tx }

var _ ports.Imports = imports{}

// Taken implements ports.Imports.
func (s imports) Taken(ctx context.Context, emails, usernames []string) (domain.TakenIdentifiers, error) {
	if err := s.reading(ctx); err != nil {
		return domain.TakenIdentifiers{}, err
	}
	if max(len(emails), len(usernames)) > domain.MaxImportBatch {
		return domain.TakenIdentifiers{}, ports.ErrBatchTooLarge
	}
	return domain.TakenIdentifiers{
		Emails:    s.data.emails.those(emails),
		Usernames: s.data.usernames.those(usernames),
	}, nil
}

// Create implements ports.Imports.
func (s imports) Create(ctx context.Context, batch []domain.ImportedAccount) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if len(batch) > domain.MaxImportBatch {
		return ports.ErrBatchTooLarge
	}
	before := len(s.journal)
	for _, imported := range batch {
		if err := s.create(ctx, imported); err != nil {
			s.rollback(before)
			return err
		}
	}
	return nil
}

func (s imports) create(ctx context.Context, imported domain.ImportedAccount) error {
	if err := s.Accounts().Create(ctx, imported.Account); err != nil {
		return err
	}
	if c, ok := imported.Credential(); ok {
		if err := s.Credentials().Create(ctx, c); err != nil {
			return err
		}
	}
	return s.Audit().Append(ctx, imported.Event)
}
