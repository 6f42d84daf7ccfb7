package account_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

const severalBatches = 3*domain.MaxImportBatch + 17

func TestImportGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	ended := errors.New("ended")
	faults := []struct {
		name string
		stop func(*fake.BrokenStore, context.CancelFunc) // after the first batch
		want func(error) bool
		kept int // how many rows of the second batch are there all the same
	}{
		{"cancelled", func(_ *fake.BrokenStore, cancel context.CancelFunc) { cancel() }, is(context.Canceled), 0},
		{"store fails", func(s *fake.BrokenStore, _ context.CancelFunc) { s.FailUpdate(ended) }, is(ended), 0},
		{"commit fails", func(s *fake.BrokenStore, _ context.CancelFunc) { s.FailCommit(ended) }, is(ended), 0},
		{"answer lost", func(s *fake.BrokenStore, _ context.CancelFunc) { s.LoseAnswer() }, is(ports.ErrUnavailable), domain.MaxImportBatch},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			store := fake.Broken(memstore.New())
			w := world.New(t, world.WithStore(store))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			rows := importRows(severalBatches)
			report, err := w.Accounts.Import(ctx, reading(rows...), account.ImportOptions{Progress: func(r account.ImportReport) {
				if r.Rows == domain.MaxImportBatch {
					f.stop(store, cancel)
				}
			}})
			if !f.want(err) || report.Imported != domain.MaxImportBatch || report.Rows != domain.MaxImportBatch {
				t.Fatalf("first run: %+v, %v; want one batch and an error", report, err)
			}
			there := domain.MaxImportBatch + f.kept
			wantStored(t, w, rows[:there])
			got := runImport(t, w, reading(rows...), false)
			if got.report.AlreadyImported != int64(there) || got.report.Imported != int64(severalBatches-there) {
				t.Errorf("second run: %+v; want %d to be there already", got.report, there)
			}
			wantStored(t, w, rows)
		})
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func TestWhatWasReadBeforeAFaultOfTheFileIsImported(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	fault := errors.New("input/output error")
	got, err := tryImport(t.Context(), w, failing(fault, importRows(3)...), false)
	if !errors.Is(err, fault) || got.report.Imported != 3 {
		t.Errorf("report = %+v, %v; want three rows and the error", got.report, err)
	}
	wantStored(t, w, importRows(3))
}

func TestNothingIsReadAfterTheContextEnded(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	read := 0
	rows := func(yield func(account.ImportRow, error) bool) {
		for read = 1; yield(importRow(read), nil); read++ {
			if read == 10 {
				cancel()
			}
		}
	}
	got, err := tryImport(ctx, w, rows, false)
	if !errors.Is(err, context.Canceled) || read != 11 || got.report.Rows != 0 {
		t.Errorf("report = %+v, %v after %d rows; want an end at row 11", got.report, err, read)
	}
	wantStored(t, w, nil)
}

func TestAReportThatCannotBeWrittenEndsTheImport(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	full := errors.New("no space left")
	rows := importRows(severalBatches)
	rows[1].Email, rows[2].Email = "nobody", "nobody"
	told := 0
	report, err := w.Accounts.Import(t.Context(), reading(rows...), account.ImportOptions{Refused: func(account.Refusal) error {
		told++
		return full
	}})
	if !errors.Is(err, full) || told != 1 || report.Rows != domain.MaxImportBatch || report.Refused != 2 {
		t.Errorf("report = %+v, %v, %d refusals told; want the whole first batch counted, and one told", report, err, told)
	}
	// Nobody has to remember what was told: the next run tells it all.
	if got := runImport(t, w, reading(rows...), false); len(got.refusals) != 2 {
		t.Errorf("the next run tells of %d refusals; want 2", len(got.refusals))
	}
}

func TestProgressIsToldByTheBatch(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	rows := importRows(domain.MaxImportBatch + 1)
	rows[0].Email = ""
	var told []account.ImportReport
	report, err := w.Accounts.Import(t.Context(), reading(rows...), account.ImportOptions{Progress: func(r account.ImportReport) { told = append(told, r) }})
	if err != nil || len(told) != 2 || told[0].Rows != domain.MaxImportBatch || told[1].Rows != report.Rows {
		t.Fatalf("told %+v of %+v, %v", told, report, err)
	}
	told[0].Reasons[0].Rows = 7
	if told[1].Reasons[0].Rows != 1 {
		t.Error("two reports share their memory")
	}
}

// racing is a store in which somebody else takes an identifier of a batch between
// the question who has it and the insert, so many times.
type racing struct {
	ports.Store
	field string
	times int
	tries int
}

func (r *racing) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	return r.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, racingTx{tx, r}) })
}

type racingTx struct {
	ports.Tx
	race *racing
}

func (t racingTx) Imports() ports.Imports { return racingImports{t.Tx.Imports(), t.race} }

type racingImports struct {
	ports.Imports
	race *racing
}

func (i racingImports) Create(ctx context.Context, batch []domain.ImportedAccount) error {
	i.race.tries++
	if i.race.tries <= i.race.times {
		return ports.Conflict(i.race.field)
	}
	return i.Imports.Create(ctx, batch)
}

func TestALostRaceIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"email", "username", "id"} {
		for times := range 4 {
			store := &racing{Store: memstore.New(), field: field, times: times}
			w := world.New(t, world.WithStore(store))
			got, err := tryImport(t.Context(), w, reading(importRows(3)...), false)
			if times < 3 {
				if err != nil || got.report.Imported != 3 || store.tries != times+1 {
					t.Errorf("%s, %d lost races: %+v, %v after %d tries", field, times, got.report, err, store.tries)
				}
				wantStored(t, w, importRows(3))
				continue
			}
			if !errors.Is(err, ports.ErrConflict) || store.tries != 3 || got.report.Rows != 0 {
				t.Errorf("%s, too many lost races: %+v, %v after %d tries; want a conflict after 3", field, got.report, err, store.tries)
			}
		}
	}
}

func TestAnAccountThatChangedItsAddressIsNotImportedAgain(t *testing.T) {
	t.Parallel()
	for name, username := range map[string]string{"with a username": "User1", "without": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			rows := importRows(2)
			rows[0].Username = username
			runImport(t, w, reading(rows[0]), false)
			moved, _ := stored(t, w, "user1@example.org")
			from := moved.Version
			moved.Email = domain.Email{Address: "new@example.org", Canonical: "new@example.org"}
			moved.Version.Profile++
			moved.UpdatedAt = w.Clock.Advance(time.Hour)
			err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error { return tx.Accounts().Update(ctx, moved, from) })
			if err != nil {
				t.Fatal(err)
			}
			for _, dryRun := range []bool{true, false} {
				if got := runImport(t, w, reading(rows...), dryRun); got.report.AlreadyImported != 1 || got.report.Imported != 1 {
					t.Errorf("dry run %v: %+v, %+v; want one imported before and one new", dryRun, got.report, got.refusals)
				}
			}
		})
	}
}

func TestAFaultOfTheHasherIsNoFaultOfTheRow(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	broken := brokenHasher{w.Hasher}
	accounts := account.New(w.Store, keeperOf(w, broken, w.Breaches), w.Throttle, w.Sealer, w.Clock, w.IDs, account.Config{})
	report, err := accounts.Import(t.Context(), reading(importRows(2)...), account.ImportOptions{})
	if !errors.Is(err, ports.ErrUnavailable) || report.Refused != 0 {
		t.Errorf("report = %+v, %v; want the hasher's error", report, err)
	}
}

type brokenHasher struct{ ports.Hasher }

func (brokenHasher) Import(domain.Secret) (domain.PasswordHash, error) {
	return domain.PasswordHash{}, ports.ErrUnavailable
}

// BenchmarkImport tells what the use case costs a row, over a store in memory.
func BenchmarkImport(b *testing.B) {
	w := world.New(b, world.WithStore(memstore.New()))
	rows := func(yield func(account.ImportRow, error) bool) {
		for n := range b.N {
			if !yield(importRow(n+1), nil) {
				return
			}
		}
	}
	b.ResetTimer()
	report, err := w.Accounts.Import(b.Context(), rows, account.ImportOptions{})
	if err != nil || report.Imported != int64(b.N) {
		b.Fatalf("report = %+v, %v", report, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "users/s")
}
