package cache_test

import (
	"context"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// A clock that was set back must not make old views young again when it has caught up.
func TestAClockThatWasSetBackEmptiesTheMemory(t *testing.T) {
	t.Parallel()
	below := memstore.New()
	w := newWorldOver(t, settings(), below)
	id := fake.Session(0, sessionOf(0)).ID
	read := func() (s domain.Session) {
		t.Helper()
		err := w.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) { s, err = tx.Sessions().ByID(ctx, id); return err })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	read()
	w.clock.Advance(-10 * time.Minute)
	read()
	before := w.below.views.Load()
	if read(); w.below.views.Load() != before {
		t.Error("nothing is remembered any more")
	}
	w.clock.Advance(time.Minute)
	err := below.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error { // another process
		_, err := tx.Sessions().End(ctx, id, domain.EndedByOwner, w.clock.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for at, d := range []time.Duration{0, 8 * time.Minute, time.Minute + ttl/2} {
		if w.clock.Advance(d); read().EndedAt.IsZero() {
			t.Errorf("reading %d shows the session as it was before the clock was set back", at)
		}
	}
}
