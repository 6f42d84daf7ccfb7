package cache_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/ports"
)

// TestAnEndedSessionIsRefusedAtOnce lets sixteen readers and one who ends the session
// run against each other: whoever begins after the end was answered must see it, and
// nobody may see the session alive after it was seen ended.
func TestAnEndedSessionIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const contenders = 16
	for name, c := range map[string]struct {
		below  func(t *testing.T) ports.Store
		rounds int
	}{
		"memory": {func(*testing.T) ports.Store { return memstore.New() }, 200},
		"SQLite": {sqlite, 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOver(t, settings(), c.below(t))
			for round := range c.rounds {
				n := 100 + round
				w.update(createSession(n))
				w.wants(n, 1)
				var ended atomic.Bool
				var all sync.WaitGroup
				var seen atomic.Int64
				start := make(chan struct{})
				for range contenders {
					all.Go(func() {
						<-start
						for over := false; !over; {
							over = ended.Load() || seen.Load() > 0
							var who identity
							if err := w.store.View(t.Context(), reading(n, &who)); err != nil {
								t.Errorf("View: %v", err)
								return
							}
							switch alive := who.session.EndedAt.IsZero(); {
							case !alive:
								seen.Add(1)
							case over:
								t.Errorf("round %d: the session is alive after its end was seen", round)
							}
						}
					})
				}
				close(start)
				if err := w.store.Update(t.Context(), []step{end(n), endAll(n)}[round%2]); err != nil {
					t.Errorf("Update: %v", err)
				}
				ended.Store(true)
				all.Wait()
				if who := w.wantsKept(n); who.EndReason == "" {
					t.Fatalf("round %d: what is kept in the end is alive", round)
				}
			}
		})
	}
}

func (w *world) wantsKept(n int) domain.Session {
	w.Helper()
	who, _, err := w.authenticate(n)
	if err != nil {
		w.Fatal(err)
	}
	return who.session
}
