package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// One line for each key of the file: bucket, key and value.
const golden = "testdata/rows.v1"

var update = flag.Bool("update", false, "write "+golden+" anew, before the first release only")

// TestRowsOfVersion1AreWritten fails when the core changes one of its types: a field
// that is new, gone or named otherwise. Then raise rowVersion, let decode read both,
// and keep testdata/rows.v1 for TestRowsOfVersion1AreRead.
func TestRowsOfVersion1AreWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.bolt")
	store := open(t, path)
	if err := store.Update(t.Context(), createAll); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	got := dump(t, path)
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := lines(t)
	for i, line := range strings.SplitAfter(string(got), "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("line %d: got\n%swant\n%s", i+1, line, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
		}
	}
}

// TestRowsOfVersion1AreRead holds as long as there are files of that version.
func TestRowsOfVersion1AreRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.bolt")
	inside(t, path, func(bolt *bbolt.Tx) error {
		for _, line := range lines(t) {
			var bucket, key, value string
			if line == "" {
				continue
			}
			if _, err := fmt.Sscanf(line, "%s %q %q", &bucket, &key, &value); err != nil {
				return err
			}
			b, err := bolt.CreateBucketIfNotExists([]byte(bucket))
			if err != nil {
				return err
			}
			if err := b.Put([]byte(key), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
	account, session, message := fixtures()
	now, ten := fake.Epoch(), domain.PageRequest{Limit: 10}
	err := open(t, path).Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		byName, err1 := tx.Accounts().ByUsername(ctx, account.Username.Canonical)
		credential, err2 := tx.Credentials().ByAccount(ctx, account.ID)
		active, err3 := tx.Sessions().ListActive(ctx, account.ID, now, 0, ten)
		signing, err4 := tx.Keys().List(ctx)
		claimed, err5 := tx.Outbox().Claim(ctx, now, now, 10)
		events, err6 := tx.Audit().List(ctx, domain.AuditFilter{Subject: account.ID}, ten)
		record, err7 := tx.Idempotency().ByKey(ctx, fake.IdempotencyRecord(1).Key)
		count, err8 := tx.Guards().Read(ctx, "guard")
		tokens, err9 := tx.OneTimeTokens().ListByAccount(ctx, account.ID)
		throttle, err10 := tx.Throttles().ByKey(ctx, []byte("throttle"))
		erasure, err11 := tx.Erasures().ByAccount(ctx, fake.Account(2).ID)
		message.Attempt++
		for what, pair := range map[string][2]any{
			"account":    {byName, account},
			"credential": {credential, fake.Credential(account)},
			"sessions":   {active.Items, []domain.Session{session}},
			"keys":       {signing, []domain.SigningKey{fake.SigningKey(1)}},
			"messages":   {claimed, []domain.Message{message}},
			"events":     {events.Items, []domain.AuditEvent{fake.AuditEvent(1)}},
			"record":     {record, fake.IdempotencyRecord(1)},
			"guard":      {count, int64(1)},
			"tokens":     {tokens, []domain.OneTimeToken{fake.OneTimeToken(1, account)}},
			"throttle":   {throttle, domain.Throttle{Key: []byte("throttle"), Failures: 1, LastFailure: now}},
			"erasure":    {erasure, domain.Erasure{AccountID: fake.Account(2).ID, At: now, FinishedAt: now.Add(time.Hour)}},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("%s: got\n%+v, want\n%+v", what, pair[0], pair[1])
			}
		}
		return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	})
	if err != nil {
		t.Error(err)
	}
}

// fixtures have a value in every field.
func fixtures() (domain.Account, domain.Session, domain.Message) {
	account := fake.Account(1, func(a *domain.Account) { a.LastLoginAt = fake.Epoch().Add(time.Minute) })
	session := fake.Session(1, account, func(s *domain.Session) {
		s.Refresh.Counter, s.Refresh.Retries = 2, 1
		s.Refresh.RotatedAt, s.Refresh.RetryKey = fake.Epoch().Add(time.Hour), []byte("retry key")
	})
	message := fake.Message(1, func(m *domain.Message) { m.Attempt, m.Failures, m.LastError = 2, 1, "busy" })
	return account, session, message
}

func createAll(ctx context.Context, tx ports.Tx) error {
	account, session, message := fixtures()
	gone := fake.Account(2)
	_, err := tx.Throttles().Fail(ctx, []byte("throttle"), fake.Epoch())
	return errors.Join(err,
		tx.Accounts().Create(ctx, account),
		tx.Credentials().Create(ctx, fake.Credential(account)),
		tx.Sessions().Create(ctx, session),
		tx.Keys().Create(ctx, fake.SigningKey(1)),
		tx.Outbox().Enqueue(ctx, message),
		tx.Audit().Append(ctx, fake.AuditEvent(1)),
		tx.Idempotency().Create(ctx, fake.IdempotencyRecord(1)),
		tx.Guards().Advance(ctx, "guard", 0),
		tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(1, account)),
		tx.Accounts().Create(ctx, gone),
		tx.Erasures().Erase(ctx, gone.ID, gone.Version, fake.Epoch()),
		tx.Erasures().Finish(ctx, gone.ID, fake.Epoch().Add(time.Hour)))
}

func dump(t *testing.T, path string) []byte {
	t.Helper()
	var out bytes.Buffer
	inside(t, path, func(bolt *bbolt.Tx) error {
		return bolt.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(key, value []byte) error {
				_, err := fmt.Fprintf(&out, "%s %+q %+q\n", name, key, value)
				return err
			})
		})
	})
	return out.Bytes()
}

func lines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(text), "\n")
}
