package boltstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"

	"example.com/boltstore"
)

// What the suite cannot know: that there is a file.

func TestFileKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.bolt")
	store := open(t, path)
	account := fake.Account(1)
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(tx.Accounts().Create(ctx, account), tx.Credentials().Create(ctx, fake.Credential(account)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	err = open(t, path).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Accounts().ByEmail(ctx, account.Email.Canonical); err != nil {
			return err
		}
		got, err := tx.Credentials().ByAccount(ctx, account.ID)
		if want := fake.Credential(account).Hash; got.Hash.Reveal() != want.Reveal() {
			t.Errorf("got hash %q, want %q", got.Hash.Reveal(), want.Reveal())
		}
		return err
	})
	if err != nil {
		t.Errorf("reading after the file was opened anew: %v", err)
	}
}

func TestFileBelongsToOneStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.bolt")
	open(t, path)
	if second, err := boltstore.Open(path, maxSize); err == nil {
		t.Errorf("a second store got the file: %v", second.Close())
	}
}

func TestFileThatCannotBeMade(t *testing.T) {
	t.Parallel()
	if store, err := boltstore.Open(filepath.Join(t.TempDir(), "no such directory", "test.bolt"), maxSize); err == nil {
		t.Errorf("got a store without a file: %v", store.Close())
	}
}

func TestFileThatIsTooSmall(t *testing.T) {
	t.Parallel()
	if store, err := boltstore.Open(filepath.Join(t.TempDir(), "test.bolt"), 32<<20-1); err == nil {
		t.Errorf("got a store of fewer than 32 MiB: %v", store.Close())
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "test.bolt"))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	nothing := func(context.Context, ports.Tx) error { return nil }
	for name, err := range map[string]error{
		"View":   store.View(t.Context(), nothing),
		"Update": store.Update(t.Context(), nothing),
		"probe":  store.Probes()[0].Check(t.Context()),
	} {
		if !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("%s: got error %v, want %v", name, err, ports.ErrUnavailable)
		}
	}
}

// A file that may not grow is like a full disk: what was acknowledged stays, what is
// not is not, reading goes on.
func TestFullFile(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "test.bolt"))
	kept := 0
	var err error
	for err == nil {
		err = store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			if err := tx.Guards().Advance(ctx, "messages", int64(kept)); err != nil {
				return err
			}
			return tx.Outbox().Enqueue(ctx, fake.Message(kept, func(m *domain.Message) {
				m.Data = map[string]string{domain.DataDevice: strings.Repeat("x", 1<<20)}
			}))
		})
		if err == nil {
			kept++
		}
	}
	if !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("an update of the full file: got error %v, want %v", err, ports.ErrUnavailable)
	}
	err = store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		count, err := tx.Guards().Read(ctx, "messages")
		if count != int64(kept) || kept == 0 {
			t.Errorf("got %d messages acknowledged, want %d", count, kept)
		}
		return err
	})
	if err != nil {
		t.Errorf("reading from the full file: %v", err)
	}
}

// bbolt cannot take back a part of a transaction, so a batch with the same address
// twice must be found out before the first row of it is written.
func TestFailedBatchLeavesNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	first, second := fake.Account(1), fake.Account(2, func(a *domain.Account) { a.Email = fake.Account(1).Email })
	batch := []domain.ImportedAccount{{Account: first, Event: fake.AuditEvent(1)}, {Account: second, Event: fake.AuditEvent(2)}}
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		err := tx.Imports().Create(ctx, batch)
		if field, _ := ports.ConflictField(err); field != "email" {
			t.Errorf("got error %v, want a conflict of email", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Accounts().ByID(ctx, first.ID)
		return err
	})
	if !errors.Is(err, ports.ErrNotFound) {
		t.Errorf("the first of the batch: got error %v, want %v", err, ports.ErrNotFound)
	}
}

// A write that bbolt refuses is not kept, nor what its transaction wrote before and
// after, even where the closure takes no notice.
func TestRefusedWriteKeepsNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		err := errors.Join(tx.Guards().Advance(ctx, "before", 0), tx.Guards().Advance(ctx, "", 0))
		if err == nil {
			t.Error("a guard without a name: got no error")
		}
		_ = tx.Guards().Advance(ctx, "after", 0)
		return nil
	})
	if domain.KindOf(err) != domain.KindInternal || err == nil {
		t.Errorf("got error %v, want an internal one", err)
	}
	err = store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		before, err := tx.Guards().Read(ctx, "before")
		if before != 0 {
			t.Errorf("got count %d, want 0", before)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A row that cannot be read, or an index that leads nowhere, must not look like an
// account that does not exist.
func TestDamageIsNoAbsence(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(rows *bbolt.Bucket, id []byte) error{
		"a row of a later version":    func(rows *bbolt.Bucket, id []byte) error { return rows.Put(id, []byte("\x02{}")) },
		"a row that is no JSON":       func(rows *bbolt.Bucket, id []byte) error { return rows.Put(id, []byte("\x01{")) },
		"an empty row":                func(rows *bbolt.Bucket, id []byte) error { return rows.Put(id, nil) },
		"an index that leads nowhere": func(rows *bbolt.Bucket, id []byte) error { return rows.Delete(id) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.bolt")
			account := fake.Account(1)
			store := open(t, path)
			if err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				return tx.Accounts().Create(ctx, account)
			}); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			inside(t, path, func(bolt *bbolt.Tx) error { return damage(bolt.Bucket([]byte("accounts")), []byte(account.ID)) })
			err := open(t, path).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Accounts().ByEmail(ctx, account.Email.Canonical)
				return err
			})
			if err == nil || domain.KindOf(err) != domain.KindInternal || errors.Is(err, ports.ErrNotFound) {
				t.Errorf("got error %v, want an internal one", err)
			}
		})
	}
}

// inside opens the file as bbolt alone and changes it.
func inside(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}
