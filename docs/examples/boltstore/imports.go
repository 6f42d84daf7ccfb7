package boltstore

import (
	"context"
	"slices"

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
		Emails:    s.owners(accountsByEmail, emails),
		Usernames: s.owners(accountsByUsername, usernames),
	}, nil
}

func (s imports) owners(index string, canonical []string) map[string]domain.ID {
	found := map[string]domain.ID{}
	for _, name := range canonical {
		if id := s.bucket(index).Get([]byte(name)); id != nil {
			found[name] = domain.ID(id)
		}
	}
	return found
}

// Create implements ports.Imports. A batch that fails must leave nothing, even where
// the transaction goes on, and bbolt cannot take back a part of one: so everything
// is checked before anything is written.
func (s imports) Create(ctx context.Context, batch []domain.ImportedAccount) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if len(batch) > domain.MaxImportBatch {
		return ports.ErrBatchTooLarge
	}
	claimed := map[claim]bool{}
	for _, imported := range batch {
		for _, c := range slices.Concat(s.schema.accounts.claims(imported.Account), s.schema.events.claims(imported.Event)) {
			if claimed[c] || s.bucket(c.bucket).Get([]byte(c.key)) != nil {
				return ports.Conflict(c.field)
			}
			claimed[c] = true
		}
	}
	for _, imported := range batch {
		if err := s.create(ctx, imported); err != nil {
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
