package entstore_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// TestImportedRowsAreThoseOfSingleCreates compares every column: imports write their
// statements by hand, and everything else leaves them to Ent.
func TestImportedRowsAreThoseOfSingleCreates(t *testing.T) {
	t.Parallel()
	full, bare := imported(1), imported(2)
	full.Account.LastLoginAt = fake.Epoch().In(time.FixedZone("east", 7200)).Add(time.Hour)
	full.Account.Roles = []domain.Role{domain.RoleUser, "<&>"}
	bare.Account.Username, bare.Account.Roles, bare.Account.EmailVerifiedAt = domain.Username{}, nil, time.Time{}
	bare.Event.Detail = nil
	batch := []domain.ImportedAccount{full, bare, imported(3)}
	batch[2].Hash = domain.PasswordHash{}

	at, single := open(t, config(t)), open(t, config(t))
	if err := at.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error { return tx.Imports().Create(ctx, batch) }); err != nil {
		t.Fatal(err)
	}
	err := single.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for _, i := range batch {
			if err := errors.Join(tx.Accounts().Create(ctx, i.Account), tx.Audit().Append(ctx, i.Event)); err != nil {
				return err
			}
			if c, ok := i.Credential(); ok {
				if err := tx.Credentials().Create(ctx, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for table, rows := range map[string]int{"accounts": 3, "credentials": 2, "audit_events": 3} {
		got, want := quoted(t, at, table), quoted(t, single, table)
		if len(want) != rows || !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", table, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

// quoted returns the rows of a table as literals, which tell texts from blobs.
func quoted(t *testing.T, store *entstore.Store, table string) []string {
	t.Helper()
	columns := texts(t, store.Writer(), "SELECT group_concat('quote(' || name || ')', '||'',''||') FROM pragma_table_info('"+table+"')")
	return texts(t, store.Writer(), "SELECT "+columns[0]+" FROM "+table+" ORDER BY id")
}

func texts(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInterruptedImportCannotGoOn: the savepoint of an import is gone when SQLite
// has rolled back by itself.
func TestInterruptedImportCannotGoOn(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Imports().Create(canceled, []domain.ImportedAccount{imported(1)}); !errors.Is(err, context.Canceled) {
			t.Errorf("Create under a canceled context = %v, want %v", err, context.Canceled)
		}
		if err := tx.Imports().Create(ctx, []domain.ImportedAccount{imported(2)}); err == nil {
			t.Error("an import after the interrupted one succeeded")
		}
		return nil
	})
	if !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Update = %v, want %v", err, ports.ErrUnavailable)
	}
	for n := 1; n <= 2; n++ {
		if hasAccount(t, store, n) {
			t.Errorf("account %d was kept", n)
		}
	}
}
