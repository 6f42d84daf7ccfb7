package entstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
	"authserve/ports/fake"
)

// together runs the updates in one batch, in their order, and returns their errors:
// the first waits until the others wait for it.
func together(t *testing.T, store *entstore.Store, updates ...func(context.Context, ports.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(updates))
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	for i, update := range updates {
		group.Go(func() {
			errs[i] = store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				if i == 0 {
					once.Do(func() {
						close(begun)
						<-goOn
					})
				}
				return update(ctx, tx)
			})
		})
		if i == 0 {
			<-begun
		} else {
			awaitWaiting(t, store, i)
		}
	}
	close(goOn)
	group.Wait()
	return errs
}

func awaitWaiting(t *testing.T, store *entstore.Store, n int) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for store.Waiting() < n {
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatal("nobody waits")
		}
	}
}

// commits counts the commits in the write-ahead log since it was begun; see
// https://sqlite.org/fileformat2.html section 4.1.
func commits(t *testing.T, cfg entstore.Config) (n int) {
	t.Helper()
	log, err := os.ReadFile(file(t, cfg) + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frameHeader = 32, 24
	if len(log) < header {
		return 0
	}
	salt := string(log[16:24])
	frame := frameHeader + int(binary.BigEndian.Uint32(log[8:]))
	for at := header; at+frame <= len(log); at += frame {
		if string(log[at+8:at+16]) == salt && binary.BigEndian.Uint32(log[at+4:]) != 0 {
			n++
		}
	}
	return n
}

func TestWritersThatWaitShareACommit(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	before := commits(t, cfg)
	for i, err := range together(t, store, createAccount(0), createAccount(1), createAccount(2), createAccount(3)) {
		if err != nil || !hasAccount(t, store, i) {
			t.Errorf("update %d: %v", i, err)
		}
	}
	if got := commits(t, cfg) - before; got != 1 {
		t.Errorf("%d commits, want 1", got)
	}
	if err := store.Update(t.Context(), createAccount(4)); err != nil {
		t.Errorf("one alone: %v", err)
	}
	if got := commits(t, cfg) - before; got != 2 {
		t.Errorf("%d commits after one alone, want 2", got)
	}
}

var errMine = errors.New("mine")

func TestFailuresInABatchStayAlone(t *testing.T) {
	t.Parallel()
	fails := func(ctx context.Context, tx ports.Tx) error { return errors.Join(createAccount(8)(ctx, tx), errMine) }
	for name, order := range map[string][]func(context.Context, ports.Tx) error{
		"between":  {createAccount(0), fails, createAccount(1)},
		"first":    {fails, createAccount(0), createAccount(1)},
		"last":     {createAccount(0), createAccount(1), fails},
		"the most": {fails, createAccount(0), fails, createAccount(1), fails},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			store := open(t, cfg)
			failed := 0
			for _, err := range together(t, store, order...) {
				switch {
				case errors.Is(err, errMine):
					failed++
				case err != nil:
					t.Errorf("Update = %v", err)
				}
			}
			if failed != len(order)-2 || !hasAccount(t, store, 0) || !hasAccount(t, store, 1) || hasAccount(t, store, 8) {
				t.Errorf("%d failed; accounts 0 %t, 1 %t, 8 %t; want 0 and 1 alone", failed, hasAccount(t, store, 0), hasAccount(t, store, 1), hasAccount(t, store, 8))
			}
		})
	}
}

func TestPanicsAndExitsInABatchStayAlone(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	var panicked atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	run := func(fn func(context.Context, ports.Tx) error) {
		group.Go(func() {
			defer func() {
				if recover() != nil {
					panicked.Add(1)
				}
			}()
			if err := store.Update(t.Context(), fn); err != nil {
				t.Errorf("Update: %v", err)
			}
		})
	}
	run(func(ctx context.Context, tx ports.Tx) error {
		close(begun)
		<-goOn
		return createAccount(0)(ctx, tx)
	})
	<-begun
	for i, fn := range []func(context.Context, ports.Tx) error{
		func(ctx context.Context, tx ports.Tx) error { _ = createAccount(7)(ctx, tx); panic("mine") },
		createAccount(1),
		func(ctx context.Context, tx ports.Tx) error {
			_ = createAccount(8)(ctx, tx)
			runtime.Goexit()
			return nil
		},
		createAccount(2),
	} {
		run(fn)
		awaitWaiting(t, store, i+1)
	}
	close(goOn)
	group.Wait()
	for n, want := range map[int]bool{0: true, 1: true, 2: true, 7: false, 8: false} {
		if got := hasAccount(t, store, n); got != want {
			t.Errorf("account %d is there: %t, want %t", n, got, want)
		}
	}
	if panicked.Load() != 1 {
		t.Errorf("%d panics went on, want 1", panicked.Load())
	}
}

// change changes the schema for a test.
func change(t *testing.T, store *entstore.Store, query string) {
	t.Helper()
	if _, err := store.Writer().ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// SQLite rolls back everything by itself, as after an interrupted write.
func TestASpoiledBatchRunsAgain(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	change(t, store, `CREATE TRIGGER spoil BEFORE INSERT ON accounts WHEN NEW.id = '`+string(fake.Account(9).ID)+`' BEGIN SELECT RAISE(ROLLBACK, 'spoiled'); END`)
	var runs atomic.Int32
	counted := func(n int) func(context.Context, ports.Tx) error {
		return func(ctx context.Context, tx ports.Tx) error {
			runs.Add(1)
			return createAccount(n)(ctx, tx)
		}
	}
	// The third finds the first's account, which is then taken back.
	errs := together(t, store, counted(0), counted(1), counted(0), createAccount(9), counted(2))
	if !errors.Is(errs[3], ports.ErrUnavailable) {
		t.Errorf("the one that spoiled it got %v, want %v", errs[3], ports.ErrUnavailable)
	}
	if errs[1] != nil || errs[4] != nil {
		t.Errorf("those beside it got %v and %v", errs[1], errs[4])
	}
	if (errs[0] == nil) == (errs[2] == nil) || !errors.Is(errors.Join(errs[0], errs[2]), ports.ErrConflict) {
		t.Errorf("of two that create one account they got %v and %v, want one success and one conflict", errs[0], errs[2])
	}
	for n, want := range map[int]bool{0: true, 1: true, 2: true, 9: false} {
		if got := hasAccount(t, store, n); got != want {
			t.Errorf("account %d is there: %t, want %t", n, got, want)
		}
	}
	if runs.Load() != 7 { // three twice, and the last one once
		t.Errorf("%d runs, want 7", runs.Load())
	}
}

func TestAFailedCommitFailsTheWholeBatch(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	change(t, store, `CREATE TABLE late (parent TEXT REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)`)
	change(t, store, `CREATE TRIGGER spoil AFTER INSERT ON accounts WHEN NEW.id = '`+string(fake.Account(9).ID)+`' BEGIN INSERT INTO late VALUES ('nobody'); END`)
	for i, err := range together(t, store, createAccount(0), createAccount(9), createAccount(1)) {
		if err == nil {
			t.Errorf("update %d succeeded", i)
		}
	}
	for _, n := range []int{0, 1, 9} {
		if hasAccount(t, store, n) {
			t.Errorf("account %d was kept", n)
		}
	}
	if err := store.Update(t.Context(), createAccount(0)); err != nil {
		t.Errorf("Update after it: %v", err)
	}
}

func TestAWaitingWriterLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			close(begun)
			<-goOn
			return createAccount(0)(ctx, tx)
		})
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- store.Update(ctx, createAccount(1)) }()
	awaitWaiting(t, store, 1)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("the one that waited got %v, want %v", err, context.Canceled)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Errorf("the one it waited for got %v", err)
	}
	if !hasAccount(t, store, 0) || hasAccount(t, store, 1) {
		t.Error("want account 0 alone")
	}
}

func TestWaitingWritersAreCounted(t *testing.T) {
	t.Parallel()
	cfg, reader := config(t), sdkmetric.NewManualReader()
	cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	store := open(t, cfg)
	if err := store.TakeTurn(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- store.Update(t.Context(), createAccount(1)) }()
	awaitWaiting(t, store, 1)
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	close(store.NextTurn())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if gauge, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == "authserve.database.writers.waiting" {
				if len(gauge.DataPoints) != 1 || gauge.DataPoints[0].Value != 1 {
					t.Errorf("%s = %+v, want 1", m.Name, gauge.DataPoints)
				}
				return
			}
		}
	}
	t.Error("nobody counts those that wait")
}

// Whoever is given the turn in the moment of leaving gives it on.
func TestATurnThatComesTooLateIsGivenOn(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	for range 50 { // of which some leave in that very moment
		if err := store.TakeTurn(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- store.Update(ctx, createAccount(1)) }()
		awaitWaiting(t, store, 1)
		turn := store.NextTurn()
		cancel()
		close(turn)
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Fatalf("Update = %v, want %v", err, context.Canceled)
		}
	}
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Errorf("Update after them: %v", err)
	}
}

// What one of a batch finds out before the commit holds for all: the file is gone.
func TestABatchIntoARemovedFileIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	errs := together(t, store, createAccount(1), func(ctx context.Context, tx ports.Tx) error {
		if err := os.Rename(file(t, cfg), file(t, cfg)+".gone"); err != nil {
			t.Error(err)
		}
		return createAccount(2)(ctx, tx)
	})
	for i, err := range errs {
		if !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, ports.ErrUnusable) {
			t.Errorf("Update %d: %v; want %v", i, err, ports.ErrUnusable)
		}
	}
}
