package entstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// filled is a store with rows in every table, NULLs and odd texts among them.
func filled(t *testing.T) *entstore.Store {
	t.Helper()
	store := open(t, config(t))
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		var errs []error
		for n := 1; n <= 3; n++ {
			a := fake.Account(n)
			if n == 2 {
				a.Username, a.EmailVerifiedAt, a.DisplayName = domain.Username{}, a.CreatedAt, "Ünïcødé <&> \" \\ \u2028 end "
			}
			session := fake.Session(n, a)
			gone, undo := fake.Account(10+n), func(t *domain.OneTimeToken) { t.Purpose, t.Address = domain.TokenUndoEmail, fake.Account(9).Email }
			if n == 3 {
				session.Refresh.RetryKey, session.Refresh.Nonce = bytes.Repeat([]byte{0xff, 0}, 16), bytes.Repeat([]byte{n3}, 32)
			}
			errs = append(errs,
				tx.Accounts().Create(ctx, a), tx.Credentials().Create(ctx, fake.Credential(a)), tx.Sessions().Create(ctx, session),
				tx.Keys().Create(ctx, fake.SigningKey(n)), tx.Outbox().Enqueue(ctx, fake.Message(n)), tx.Audit().Append(ctx, fake.AuditEvent(n)),
				tx.Idempotency().Create(ctx, fake.IdempotencyRecord(n)), tx.Guards().Advance(ctx, fmt.Sprintf("guard %d", n), 0),
				tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(n, a, undo)),
				tx.Accounts().Create(ctx, gone), tx.Erasures().Erase(ctx, gone.ID, gone.Version, fake.Epoch()))
			_, err := tx.Throttles().Fail(ctx, fake.IdempotencyRecord(n).Key, fake.Epoch())
			errs = append(errs, err)
		}
		link := []domain.AuditLink{fake.AuditLink(fake.AuditEvent(1), 1), fake.AuditLink(fake.AuditEvent(2), 2)}
		_, pruneErr := tx.AuditChain().Prune(ctx, fake.AuditHead(0), 0)
		errs = append(errs, tx.AuditChain().Link(ctx, link, fake.AuditHead(2), 0), pruneErr,
			tx.Erasures().Finish(ctx, fake.Account(11).ID, fake.Epoch()))
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

const n3 = 3

func export(t *testing.T, store *entstore.Store) (string, ports.TransferReport) {
	t.Helper()
	var out bytes.Buffer
	report, err := store.Export(t.Context(), &out, nil)
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	return out.String(), report
}

func importInto(t *testing.T, store *entstore.Store, text string) ports.TransferReport {
	t.Helper()
	report, err := store.Import(t.Context(), strings.NewReader(text), nil)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	return report
}

func TestEverythingMovesToEveryDatabaseAndBack(t *testing.T) {
	t.Parallel()
	source := filled(t)
	text, want := export(t, source)
	if len(want) != 12 {
		t.Errorf("%d tables are exported, want 12: %v", len(want), want)
	}
	for _, table := range want {
		rows := int64(3)
		if table.Name == "audit_heads" { // two ends
			rows = 2
		}
		if table.Rows != rows {
			t.Errorf("%s: %d rows, want %d", table.Name, table.Rows, rows)
		}
	}
	check := func(t *testing.T, url string) {
		t.Helper()
		there := openEmpty(t, entstore.Config{URL: url})
		if got := importInto(t, there, text); !reflect.DeepEqual(got, want) {
			t.Errorf("imported\n%v\nwant\n%v", got, want)
		}
		again, _ := export(t, there)
		home := open(t, config(t))
		if got := importInto(t, home, again); !reflect.DeepEqual(got, want) {
			t.Errorf("back home\n%v\nwant\n%v", got, want)
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		open(t, cfg)
		check(t, cfg.URL)
	})
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			check(t, server.Migrated(t))
		})
	}
}

func TestImportRefusesWhatIsNoWholeExport(t *testing.T) {
	t.Parallel()
	text, _ := export(t, filled(t))
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	head, rows, end := lines[0], strings.Join(lines[1:len(lines)-1], ""), lines[len(lines)-1]
	told := regexp.MustCompile(`\{"table":"(accounts|sessions)"[^}]*\}`).FindAllString(end, 2)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", "is cut"},
		"another file":        {"id,email\n", "Line 1 is not that of an export"},
		"no head":             {rows + end, "not an export of authserve"},
		"another form":        {strings.Replace(text, `"form":1`, `"form":2`, 1), "not an export of authserve"},
		"another schema":      {strings.Replace(text, `"schema":"`, `"schema":"00`, 1), "use the same version"},
		"no end":              {head + rows, "is cut"},
		"more behind the end": {text + text, "stands behind the end"},
		"a row less":          {head + strings.Join(lines[1:len(lines)-2], "") + end, "damaged"},
		"a changed row":       {strings.Replace(text, `"status":"active"`, `"status":"disabled"`, 1), "damaged"},
		"an unknown table":    {strings.Replace(text, `"table":"guards"`, `"table":"planted"`, 1), "planted"},
		"an unknown field":    {head + `{"planted":1}` + "\n" + rows + end, "planted"},
		"a column less":       {strings.Replace(text, `"status":"active",`, ``, 1), "columns"},
		"another column":      {strings.Replace(text, `"status":"active",`, `"planted":"active",`, 1), "lacks status"},
		"text for a number":   {strings.Replace(text, `"auth_generation":1`, `"auth_generation":"1"`, 1), "auth_generation"},
		"text for a time":     {strings.Replace(text, `"created_at":"20`, `"created_at":"x`, 1), "created_at"},
		"a table told twice":  {without(head+rows, "sessions") + strings.Replace(end, told[1], told[0], 1), "twice"},
		"text behind a row":   {head + strings.Replace(rows, "}}\n", "}} planted\n", 1) + end, "Line 2 is not that of an export"},
		"a row behind a row":  {head + strings.Replace(rows, "}}\n", "}}", 1) + end, "Line 2 is not that of an export"},
		"a line too long":     {head + strings.Repeat("x", 5<<20), "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.text == text {
				t.Fatal("nothing was changed")
			}
			_, err := open(t, config(t)).Import(t.Context(), strings.NewReader(c.text), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestImportNeedsAnEmptyStore(t *testing.T) {
	t.Parallel()
	store := filled(t)
	text, _ := export(t, store)
	if _, err := store.Import(t.Context(), strings.NewReader(text), nil); !errors.Is(err, ports.ErrNotEmpty) {
		t.Errorf("got error %v, want %v", err, ports.ErrNotEmpty)
	}
}

func TestExportIsOneSnapshot(t *testing.T) {
	t.Parallel()
	store := filled(t)
	once := false
	w := writerFunc(func(p []byte) (int, error) {
		if !once {
			once = true
			if err := store.Update(t.Context(), createAccount(9)); err != nil {
				t.Error(err)
			}
		}
		return len(p), nil
	})
	report, err := store.Export(t.Context(), w, nil)
	if err != nil || report[0].Rows != 3 {
		t.Errorf("got %v, %v; want the 3 accounts of the beginning", report, err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// The way of a service that has outgrown its machine.
func TestAHundredThousandUsersMoveToPostgreSQL(t *testing.T) {
	t.Parallel()
	url := servers.Postgres.Migrated(t)
	cfg := config(t)
	cfg.Synchronous = "NORMAL"
	source := open(t, cfg)
	const users, batch = 100_000, 1000
	for first := 0; first < users; first += batch {
		err := source.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			accounts := make([]domain.ImportedAccount, batch)
			for i := range accounts {
				accounts[i] = imported(first + i)
			}
			return tx.Imports().Create(ctx, accounts)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r, w := io.Pipe()
	var sent ports.TransferReport
	go func() {
		var err error
		sent, err = source.Export(t.Context(), w, nil)
		_ = w.CloseWithError(err)
	}()
	got, err := openEmpty(t, entstore.Config{URL: url}).Import(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sent) || got[0].Rows != users {
		t.Errorf("imported\n%v\nwant\n%v", got, sent)
	}
}
