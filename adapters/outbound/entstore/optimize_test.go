package entstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"authserve/ports"
)

// Optimize comes between two that share a commit: it ends the batch before it begins,
// so that nothing of it can be theirs.
func TestOptimizeIsInNobodysBatch(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	begun, goOn := make(chan struct{}), make(chan struct{})
	var first, second, optimized error
	var group sync.WaitGroup
	group.Go(func() {
		first = store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			close(begun)
			<-goOn
			return createAccount(1)(ctx, tx)
		})
	})
	<-begun
	group.Go(func() { optimized = store.Optimize(t.Context()) })
	awaitWaiting(t, store, 1)
	group.Go(func() { second = store.Update(t.Context(), createAccount(2)) })
	awaitWaiting(t, store, 2)
	close(goOn)
	group.Wait()
	if err := errors.Join(first, second, optimized); err != nil {
		t.Fatal(err)
	}
	if !hasAccount(t, store, 1) || !hasAccount(t, store, 2) {
		t.Error("what was acknowledged is not there")
	}
}

// Whoever leaves before the turn comes gives it on, and what was open is committed.
func TestOptimizeLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	begun, goOn := make(chan struct{}), make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	var first, optimized error
	var group sync.WaitGroup
	group.Go(func() {
		first = store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			close(begun)
			<-goOn
			return createAccount(1)(ctx, tx)
		})
	})
	<-begun
	group.Go(func() { optimized = store.Optimize(ctx) })
	awaitWaiting(t, store, 1)
	leave()
	close(goOn)
	group.Wait()
	if first != nil || optimized == nil {
		t.Errorf("Update: %v, Optimize: %v; want the second to have left", first, optimized)
	}
	if err := store.Update(t.Context(), createAccount(2)); err != nil || !hasAccount(t, store, 1) {
		t.Errorf("afterwards: %v, or what was acknowledged is not there", err)
	}
}
