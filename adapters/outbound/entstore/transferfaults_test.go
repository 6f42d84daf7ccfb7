package entstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// onEachDatabase runs check with what makes migrated stores of each kind.
func onEachDatabase(t *testing.T, check func(t *testing.T, fresh func() *entstore.Store)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		check(t, func() *entstore.Store { return open(t, config(t)) })
	})
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			check(t, func() *entstore.Store { return openEmpty(t, entstore.Config{URL: server.Migrated(t)}) })
		})
	}
}

// ready is the answer of the probe that a start waits for.
func ready(t *testing.T, store *entstore.Store) error {
	t.Helper()
	for _, p := range store.Probes() {
		if p.Name() == "database" {
			return p.Check(t.Context())
		}
	}
	t.Fatal("there is no such probe")
	return nil
}

// endOf splits an export before its last line.
func endOf(text string) (rows, end string) {
	at := strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n") + 1
	return text[:at], text[at:]
}

func TestUnfinishedImportIsNotServed(t *testing.T) {
	t.Parallel()
	text, _ := export(t, filled(t))
	rows, end := endOf(text)
	onEachDatabase(t, func(t *testing.T, fresh func() *entstore.Store) {
		store := fresh()
		if _, err := store.Import(t.Context(), strings.NewReader("id,email\n"), nil); err == nil {
			t.Fatal("another file was imported")
		}
		if err := ready(t, store); err != nil {
			t.Errorf("nothing was written, and it is not ready: %v", err)
		}
		if _, err := store.Import(t.Context(), strings.NewReader(rows), nil); err == nil {
			t.Fatal("a cut export was imported")
		}
		_, exported := store.Export(t.Context(), &strings.Builder{}, nil)
		for what, err := range map[string]error{"the probe": ready(t, store), "Export": exported} {
			if !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, ports.ErrUnusable) || !strings.Contains(err.Error(), "import again") {
				t.Errorf("%s = %v; want %v that tells what to do", what, err, ports.ErrUnusable)
			}
		}
		if _, err := store.Import(t.Context(), strings.NewReader(text), nil); !errors.Is(err, ports.ErrNotEmpty) {
			t.Errorf("another import = %v; want %v", err, ports.ErrNotEmpty)
		}
	})
	t.Run("what was written is not what is there", func(t *testing.T) {
		t.Parallel()
		store := open(t, config(t))
		run(t, store, "CREATE TRIGGER planted AFTER INSERT ON messages BEGIN DELETE FROM guards WHERE id = 'guard 2'; END")
		if _, err := store.Import(t.Context(), strings.NewReader(text), nil); err == nil || !strings.Contains(err.Error(), "guards") {
			t.Errorf("Import = %v; want that guards differ", err)
		}
		if err := ready(t, store); !errors.Is(err, ports.ErrUnusable) {
			t.Errorf("the probe = %v; want %v", err, ports.ErrUnusable)
		}
	})
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		store := openEmpty(t, config(t))
		if err := ready(t, store); err != nil {
			t.Errorf("without a schema it is not ready to be migrated: %v", err)
		}
		if _, err := store.Migrator().Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		importInto(t, store, rows+end)
		if err := ready(t, store); err != nil {
			t.Errorf("after a whole import it is not ready: %v", err)
		}
	})
	t.Run("nothing to import", func(t *testing.T) {
		t.Parallel()
		empty, _ := export(t, open(t, config(t)))
		store := open(t, config(t))
		importInto(t, store, empty)
		if err := ready(t, store); err != nil {
			t.Errorf("it is not ready: %v", err)
		}
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestOfTwoImportsOneWrites(t *testing.T) {
	t.Parallel()
	text, _ := export(t, filled(t))
	cut, _ := endOf(text)
	onEachDatabase(t, func(t *testing.T, fresh func() *entstore.Store) {
		store := fresh()
		var rest *strings.Reader
		late := readerFunc(func(p []byte) (int, error) { // it has found the store empty
			if rest == nil {
				rest = strings.NewReader(text)
				if _, err := store.Import(t.Context(), strings.NewReader(cut), nil); err == nil {
					t.Error("a cut export was imported")
				}
			}
			return rest.Read(p)
		})
		if _, err := store.Import(t.Context(), late, nil); !errors.Is(err, ports.ErrNotEmpty) {
			t.Errorf("the other import = %v; want %v", err, ports.ErrNotEmpty)
		}
	})
}

func TestServersWithoutASchemaAreReadyForOne(t *testing.T) {
	t.Parallel()
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			if err := ready(t, openEmpty(t, entstore.Config{URL: server.URL(t)})); err != nil {
				t.Error(err)
			}
		})
	}
}

// without returns the lines of an export but those of the table.
func without(text, table string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, `{"table":"`+table+`"`) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestImportNamesTableAndLine(t *testing.T) {
	t.Parallel()
	text, _ := export(t, filled(t))
	rows, end := endOf(text)
	head, first, _ := strings.Cut(rows, "\n")
	account, _, _ := strings.Cut(first, "\n")
	onEachDatabase(t, func(t *testing.T, fresh func() *entstore.Store) {
		for name, c := range map[string]struct{ text, table, lines string }{
			"a row that refers to none": {without(text, "accounts"), "credentials", "25 to 27"},
			"a row twice":               {head + "\n" + account + "\n" + account + "\n" + end, "accounts", "2 to 3"},
		} {
			_, err := fresh().Import(t.Context(), strings.NewReader(c.text), nil)
			if err == nil || !strings.Contains(err.Error(), c.table) || !strings.Contains(err.Error(), c.lines) {
				t.Errorf("%s: %v; want one that names %s and lines %s", name, err, c.table, c.lines)
			}
		}
	})
	_, err := open(t, config(t)).Import(t.Context(), strings.NewReader(strings.Replace(text, `"created_at":"20`, `"created_at":"$argon2id$20`, 1)), nil)
	if err == nil || strings.Contains(err.Error(), "argon2id") || !strings.Contains(err.Error(), "Line 2, of accounts: created_at: is not a time") {
		t.Errorf("a hash in the place of a time: %v; want one that does not show it", err)
	}
}

// The servers bound what one statement may hold.
func TestImportOfLargeRows(t *testing.T) {
	t.Parallel()
	source := open(t, config(t))
	const messages = 400
	if err := source.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		var errs []error
		for n := range messages {
			m := fake.Message(n + 1)
			m.Data = map[string]string{domain.DataDevice: strings.Repeat("x", 60_000)}
			errs = append(errs, tx.Outbox().Enqueue(ctx, m))
		}
		return errors.Join(errs...)
	}); err != nil {
		t.Fatal(err)
	}
	text, _ := export(t, source)
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			importInto(t, openEmpty(t, entstore.Config{URL: server.Migrated(t)}), text)
		})
	}
}

// Whoever reads an export may stand still for longer than any statement may take.
func TestExportWaitsForItsReader(t *testing.T) {
	t.Parallel()
	const timeout, rows = 100 * time.Millisecond, 2000
	source := open(t, config(t))
	if err := source.Update(t.Context(), sessionsOf(rows)); err != nil {
		t.Fatal(err)
	}
	text, want := export(t, source)
	pause := map[string]string{"PostgreSQL": "SELECT pg_sleep(0.5)", "MariaDB": "SELECT SLEEP(0.5)", "MySQL": "SELECT SLEEP(0.5)"}
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			url := server.Migrated(t)
			patient := openEmpty(t, entstore.Config{URL: url})
			importInto(t, patient, text)
			writes := 0
			reader := writerFunc(func(p []byte) (int, error) {
				if writes++; writes == 50 {
					if _, err := patient.Writer().ExecContext(t.Context(), pause[server.Name()]); err != nil {
						t.Error(err)
					}
				}
				return len(p), nil
			})
			report, err := openEmpty(t, entstore.Config{URL: url, StatementTimeout: timeout}).Export(t.Context(), reader, nil)
			if err != nil || report[0] != want[0] || writes < 50 {
				t.Errorf("Export = %v, %v after %d writes; want %v", report, err, writes, want)
			}
		})
	}
}

func TestAbsentMakesNothing(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	absent, err := newMigrator(t, cfg).Absent()
	if err != nil || !absent {
		t.Errorf("Absent = %t, %v; want true", absent, err)
	}
	if _, err := os.Stat(filepath.Dir(file(t, cfg))); err == nil {
		t.Error("the directory was made")
	}
	open(t, cfg)
	for _, url := range []string{cfg.URL, "postgres://u@h/db", "mysql://u@h/db"} {
		if absent, err := newMigrator(t, entstore.Config{URL: url}).Absent(); err != nil || absent {
			t.Errorf("%s: Absent = %t, %v; want false", url, absent, err)
		}
	}
}
