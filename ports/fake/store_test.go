package fake_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"authserve/ports"
	"authserve/ports/fake"
)

// trial is a store that notes how each of its transactions ended.
type trial struct{ ended []error }

func (s *trial) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Update(ctx, fn)
}

func (s *trial) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	err := ctx.Err()
	if err == nil {
		err = fn(ctx, ports.Unsupported{})
	}
	s.ended = append(s.ended, err)
	return err
}

func TestTwiceRollsTheFirstRunBack(t *testing.T) {
	t.Parallel()
	for _, want := range []error{nil, errTest} {
		inner, runs := &trial{}, 0
		err := fake.Twice(inner).Update(t.Context(), func(context.Context, ports.Tx) error {
			runs++
			return want
		})
		if runs != 2 || !errors.Is(err, want) {
			t.Errorf("Update: got %d runs and error %v, want 2 runs and %v", runs, err, want)
		}
		if len(inner.ended) != 2 || inner.ended[0] == nil || !errors.Is(inner.ended[1], want) {
			t.Errorf("Update: got transactions that ended with %v, want a rollback and %v", inner.ended, want)
		}
	}
	runs := 0
	if err := fake.Twice(&trial{}).View(t.Context(), func(context.Context, ports.Tx) error { runs++; return nil }); err != nil || runs != 2 {
		t.Errorf("View: got %d runs and error %v, want 2 runs and no error", runs, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fake.Twice(&trial{}).Update(cancelled, func(context.Context, ports.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update with a cancelled context: got error %v, want %v", err, context.Canceled)
	}
}

func TestBrokenFailsOnceAsTold(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                 string
		arm                  func(*fake.BrokenStore)
		view, update         error
		viewRuns, updateRuns int
		ended                []error // of the inner transactions: view, then update
	}{
		{"no fault", func(*fake.BrokenStore) {}, nil, nil, 1, 1, []error{nil, nil}},
		{"view", func(b *fake.BrokenStore) { b.FailView(errTest) }, errTest, nil, 0, 1, []error{nil}},
		{"update", func(b *fake.BrokenStore) { b.FailUpdate(errTest) }, nil, errTest, 1, 0, []error{nil}},
		{"commit", func(b *fake.BrokenStore) { b.FailCommit(errTest) }, nil, errTest, 1, 1, []error{nil, errTest}},
		{"lost answer", func(b *fake.BrokenStore) { b.LoseAnswer() }, nil, ports.ErrUnavailable, 1, 1, []error{nil, nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			inner := &trial{}
			broken := fake.Broken(inner)
			row.arm(broken)
			viewRuns, updateRuns := 0, 0
			view := func(context.Context, ports.Tx) error { viewRuns++; return nil }
			update := func(context.Context, ports.Tx) error { updateRuns++; return nil }
			if err := broken.View(t.Context(), view); !errors.Is(err, row.view) || viewRuns != row.viewRuns {
				t.Errorf("View: got %d runs and error %v, want %d and %v", viewRuns, err, row.viewRuns, row.view)
			}
			if err := broken.Update(t.Context(), update); !errors.Is(err, row.update) || updateRuns != row.updateRuns {
				t.Errorf("Update: got %d runs and error %v, want %d and %v", updateRuns, err, row.updateRuns, row.update)
			}
			if !slices.EqualFunc(inner.ended, row.ended, errors.Is) {
				t.Errorf("got transactions that ended with %v, want %v", inner.ended, row.ended)
			}
			if err := errors.Join(broken.View(t.Context(), view), broken.Update(t.Context(), update)); err != nil {
				t.Errorf("after the fault: got %v, want no error", err)
			}
		})
	}
}

func TestBrokenKeepsCommitFaultsForACommit(t *testing.T) {
	t.Parallel()
	for name, arm := range map[string]func(*fake.BrokenStore){
		"commit":      func(b *fake.BrokenStore) { b.FailCommit(ports.ErrUnavailable) },
		"lost answer": func(b *fake.BrokenStore) { b.LoseAnswer() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := fake.Broken(&trial{})
			arm(broken)
			if err := broken.Update(t.Context(), func(context.Context, ports.Tx) error { return errTest }); !errors.Is(err, errTest) {
				t.Errorf("an Update that gives up: got %v, want %v", err, errTest)
			}
			if err := broken.Update(t.Context(), func(context.Context, ports.Tx) error { return nil }); !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("the Update that commits: got %v, want %v", err, ports.ErrUnavailable)
			}
		})
	}
}
