package bootstrap_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/seal"
	"authserve/adapters/outbound/system"
	"authserve/bootstrap"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// The service seals what happens, counts denials, and removes what is too old, also at
// its end.
func TestTheServiceKeepsTheAuditLog(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(fake.NewRandom(5).Bytes(32))
	cfg := load(t, map[string]string{"AUTHSERVE_MASTER_KEY": key, "AUTHSERVE_AUDIT_RETENTION": "24h"})
	keys, err := seal.New(system.Random{}, domain.NewSecret(key))
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New()
	chain := audit.New(store, keys, system.Random{}, system.Clock{})
	old := fake.AuditEvent(1, func(e *domain.AuditEvent) { e.At = system.Clock{}.Now().Add(-25 * time.Hour) })
	young := fake.AuditEvent(2, func(e *domain.AuditEvent) { e.At = system.Clock{}.Now().Add(-23 * time.Hour) })
	for _, e := range []domain.AuditEvent{old, young} {
		err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error { return tx.Audit().Append(ctx, e) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if done, err := chain.Seal(t.Context()); done.Events != 2 || err != nil {
		t.Fatal(done, err)
	}

	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithStore(store), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status, _, text := ask(t, http.MethodGet, "http://"+app.HTTPAddr()+"/api/v1/users/me", "", "Authorization: Bearer forged"); status != http.StatusUnauthorized {
			t.Errorf("a forged token = %d %s", status, text)
		}
	}
	waitFor(t, func() bool {
		v, err := chain.Verify(t.Context(), nil, nil)
		return err == nil && v.Faults == 0 && v.Anchor.Seq == 1 && v.Head.Seq > 2
	})
	if err := app.Stop(t.Context()); err != nil {
		t.Error(err)
	}

	v, err := chain.Verify(t.Context(), nil, nil)
	if err != nil || v.Faults != 0 || v.Unchained != 0 || v.Anchor.Seq != 1 {
		t.Errorf("after the end: got %+v, %v; want all sealed, and no fault", v, err)
	}
	var events []domain.AuditEvent
	err = store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		page, err := tx.Audit().List(ctx, domain.AuditFilter{}, domain.PageRequest{Limit: 100})
		events = page.Items
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	denied := 0
	for _, e := range events {
		switch {
		case e.ID == old.ID:
			t.Error("an event of 25 h ago is there, where 24 h are kept")
		case e.Action == domain.AuditAccessDenied:
			denied++
			if e.Actor.IP != "127.0.0.1" || e.Detail[audit.DetailCode] != "invalid_token" || e.Detail[audit.DetailCount] != "2" {
				t.Errorf("the denials were counted as %+v", e)
			}
		}
	}
	if denied != 1 || events[len(events)-1].ID != young.ID {
		t.Errorf("got %d events of denials, the oldest event %+v; want 1, and that of 23 h ago", denied, events[len(events)-1])
	}
}

// waitFor looks until is holds: what tasks do gives no signal.
func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatal("it never came about")
		}
	}
}
