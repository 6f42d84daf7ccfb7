package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"authserve/core/domain"
	"authserve/ports"
)

func importFaults() []fault {
	return []fault{
		{"imports one by one", importing(oneByOne), []string{"imports.failed_batch_leaves_nothing"}},
		{"imports what is not taken", importing(withoutTaken), []string{"imports.conflicts", "imports.failed_batch_leaves_nothing", "races.imports_overlap"}},
		{"names every conflict of an import alike", importing(alike), []string{"imports.conflicts", "races.imports_overlap"}},
		{"takes the last of those with one address", importing(lastOfAddress), []string{"imports.conflicts"}},
		{"imports no audit events", importing(silently), []string{"imports.create_as_one_by_one", "imports.full_batch"}},
		{"imports no credentials", importing(without), []string{"imports.create_as_one_by_one", "imports.without_hash", "imports.full_batch", "credentials.count_settings"}},
		{"imports empty hashes", importing(hollow), []string{"imports.without_hash", "credentials.count_settings"}},
		{"imports a first version of everything", importing(anew), []string{"imports.create_as_one_by_one"}},
		{"imports half of a large batch", importing(half), []string{"imports.full_batch"}},
		{"imports any number", importing(unbounded), []string{"imports.full_batch"}},
		{"asks for any number", asking(unboundedTaken), []string{"imports.full_batch"}},
		{"asks for what was typed", asking(lowered), []string{"imports.taken"}},
		{"asks for addresses alone", asking(addressesAlone), []string{"imports.taken", "imports.full_batch"}},
		{"asks for usernames among addresses", asking(mixed), []string{"imports.taken"}},
		{"counts hashes and not their settings", counting(eachAlone), []string{"credentials.count_settings"}},
		{"counts in any order", counting(backwards), []string{"credentials.count_settings"}},
		{"counts no hash without settings", counting(onlyNamed), []string{"credentials.count_settings"}},
		{"counts once", countingOnce, []string{"credentials.count_settings"}},
	}
}

type (
	create = func(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error
	ask    = func(ctx context.Context, tx ports.Tx, emails, usernames []string) (domain.TakenIdentifiers, error)
	count  = func(counts []domain.SettingsCount) []domain.SettingsCount
)

func importing(create create) func(ports.Store) ports.Store {
	return with(func(tx ports.Tx) ports.Tx { return otherImports{Tx: tx, create: create} })
}

func asking(ask ask) func(ports.Store) ports.Store {
	return with(func(tx ports.Tx) ports.Tx { return otherImports{Tx: tx, ask: ask} })
}

type otherImports struct {
	ports.Tx
	create create
	ask    ask
}

func (t otherImports) Imports() ports.Imports { return otherImportStore(t) }

type otherImportStore otherImports

func (i otherImportStore) Create(ctx context.Context, batch []domain.ImportedAccount) error {
	if i.create == nil {
		return i.Tx.Imports().Create(ctx, batch)
	}
	return i.create(ctx, i.Tx, batch)
}

func (i otherImportStore) Taken(ctx context.Context, emails, usernames []string) (domain.TakenIdentifiers, error) {
	if i.ask == nil {
		return i.Tx.Imports().Taken(ctx, emails, usernames)
	}
	return i.ask(ctx, i.Tx, emails, usernames)
}

func oneByOne(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	for _, imported := range batch {
		if err := tx.Imports().Create(ctx, []domain.ImportedAccount{imported}); err != nil {
			return err
		}
	}
	return nil
}

func withoutTaken(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	for _, imported := range batch {
		err := tx.Imports().Create(ctx, []domain.ImportedAccount{imported})
		if err != nil && !errors.Is(err, ports.ErrConflict) {
			return err
		}
	}
	return nil
}

func lastOfAddress(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	var kept []domain.ImportedAccount
	for n, imported := range batch {
		if !slices.ContainsFunc(batch[n+1:], func(later domain.ImportedAccount) bool {
			return later.Account.Email.Canonical == imported.Account.Email.Canonical
		}) {
			kept = append(kept, imported)
		}
	}
	return tx.Imports().Create(ctx, kept)
}

func alike(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	err := tx.Imports().Create(ctx, batch)
	if errors.Is(err, ports.ErrConflict) {
		return ports.Conflict("email")
	}
	return err
}

func silently(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	for _, imported := range batch {
		if err := tx.Accounts().Create(ctx, imported.Account); err != nil {
			return err
		}
		if c, ok := imported.Credential(); ok {
			if err := tx.Credentials().Create(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func without(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].Hash = domain.PasswordHash{}
	}
	return tx.Imports().Create(ctx, batch)
}

func hollow(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	if err := tx.Imports().Create(ctx, batch); err != nil {
		return err
	}
	for _, imported := range batch {
		if imported.Hash.IsZero() {
			if err := tx.Credentials().Create(ctx, domain.Credential{AccountID: imported.Account.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

func anew(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].Account.Version = domain.AccountVersion{AuthGeneration: 1, Credential: 1, Profile: 1}
	}
	return tx.Imports().Create(ctx, batch)
}

func half(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	return tx.Imports().Create(ctx, batch[:min(len(batch), domain.MaxImportBatch/2)])
}

func unbounded(ctx context.Context, tx ports.Tx, batch []domain.ImportedAccount) error {
	for part := range slices.Chunk(batch, domain.MaxImportBatch) {
		if err := tx.Imports().Create(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func unboundedTaken(ctx context.Context, tx ports.Tx, emails, usernames []string) (domain.TakenIdentifiers, error) {
	return tx.Imports().Taken(ctx, emails[:min(len(emails), domain.MaxImportBatch)], usernames[:min(len(usernames), domain.MaxImportBatch)])
}

func lowered(ctx context.Context, tx ports.Tx, emails, usernames []string) (domain.TakenIdentifiers, error) {
	lower := func(list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			list[i] = strings.ToLower(list[i])
		}
		return list
	}
	return tx.Imports().Taken(ctx, lower(emails), lower(usernames))
}

func addressesAlone(ctx context.Context, tx ports.Tx, emails, _ []string) (domain.TakenIdentifiers, error) {
	return tx.Imports().Taken(ctx, emails, nil)
}

func mixed(ctx context.Context, tx ports.Tx, emails, usernames []string) (domain.TakenIdentifiers, error) {
	got, err := tx.Imports().Taken(ctx, emails, usernames)
	if err != nil {
		return got, err
	}
	for _, email := range emails {
		if a, err := tx.Accounts().ByUsername(ctx, email); err == nil {
			got.Emails[email] = a.ID
		}
	}
	return got, nil
}

func counting(count count) func(ports.Store) ports.Store {
	return with(func(tx ports.Tx) ports.Tx { return otherCounts{Tx: tx, count: count} })
}

type otherCounts struct {
	ports.Tx
	count count
}

func (t otherCounts) Credentials() ports.Credentials {
	return otherCountStore{t.Tx.Credentials(), t.count}
}

type otherCountStore struct {
	ports.Credentials
	count count
}

func (c otherCountStore) CountSettings(ctx context.Context) ([]domain.SettingsCount, error) {
	counts, err := c.Credentials.CountSettings(ctx)
	return c.count(counts), err
}

func eachAlone(counts []domain.SettingsCount) (out []domain.SettingsCount) {
	for _, c := range counts {
		for range c.Count {
			out = append(out, domain.SettingsCount{Settings: c.Settings, Count: 1})
		}
	}
	return out
}

func backwards(counts []domain.SettingsCount) []domain.SettingsCount {
	slices.Reverse(counts)
	return counts
}

func onlyNamed(counts []domain.SettingsCount) []domain.SettingsCount {
	return slices.DeleteFunc(counts, func(c domain.SettingsCount) bool { return c.Settings == "" })
}

// countingOnce remembers the first count that is not empty.
func countingOnce(s ports.Store) ports.Store {
	var mu sync.Mutex
	var first []domain.SettingsCount
	return counting(func(counts []domain.SettingsCount) []domain.SettingsCount {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = counts
		}
		return first
	})(s)
}
