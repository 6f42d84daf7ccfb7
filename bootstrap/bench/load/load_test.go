package load_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/bench/stat"
)

// Time in these tests is synctest's: sleeping costs nothing, and nothing is late.

func sleep(d time.Duration) { <-time.After(d) }

func sleepUntil(at time.Time) { sleep(at.Sub(now())) }

func now() time.Time { return time.Now() } //nolint:forbidigo // synctest's

func window(warm, period time.Duration) load.Window {
	return load.Window{Begin: now().Add(time.Second), Warm: warm, Period: period}
}

// A service that stalls for a second is asked all the same, and every request that
// was due meanwhile shows how long it waited.
func TestOpenCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := window(time.Second, 4*time.Second)
		stalled, again := w.From().Add(time.Second), w.From().Add(2*time.Second)
		got := load.Open(t.Context(), w, 100, sleepUntil, func(context.Context) error {
			if at := now(); !at.Before(stalled) && at.Before(again) {
				sleepUntil(again)
			}
			sleep(time.Millisecond)
			return nil
		})
		if len(got.Latency) != 400 || len(got.Late) != 400 || got.Failed != 0 {
			t.Fatalf("got %d latencies, %d latenesses, %d failures; want 400, 400, 0", len(got.Latency), len(got.Late), got.Failed)
		}
		for q, want := range map[float64]time.Duration{
			0.5:  time.Millisecond,
			0.75: time.Millisecond,
			// The hundred of the stall waited 10 ms, 20 ms ... 1 s, and 1 ms each.
			0.875: 501 * time.Millisecond,
			1:     1001 * time.Millisecond,
		} {
			if p := stat.Percentile(got.Latency, q); p != want {
				t.Errorf("p%v: got %v; want %v", 100*q, p, want)
			}
		}
	})
}

func TestOpenTellsWhatTheGeneratorIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := window(0, time.Second)
		got := load.Open(t.Context(), w, 10, func(until time.Time) { sleepUntil(until.Add(3 * time.Millisecond)) },
			func(context.Context) error { sleep(time.Millisecond); return nil })
		if late, took := stat.Percentile(got.Late, 0.5), stat.Percentile(got.Latency, 0.5); late != 3*time.Millisecond || took != time.Millisecond {
			t.Errorf("late %v, took %v; want 3 ms, and that not counted into 1 ms", late, took)
		}
	})
}

func TestOpenCountsFailuresOfTheWarmUpToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		got := load.Open(t.Context(), window(time.Second, time.Second), 10, sleepUntil, func(context.Context) error {
			if calls.Add(1)%10 == 3 {
				return errors.New("refused")
			}
			return nil
		})
		if len(got.Latency) != 10 || got.Failed != 2 || got.Fault != "refused" {
			t.Errorf("got %d latencies, %d failures, %q; want 10, 2, refused", len(got.Latency), got.Failed, got.Fault)
		}
	})
}

func TestClosedWaitsAsToldAndCountsTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := window(2*time.Second, 10*time.Second)
		var busy, most atomic.Int64
		got := load.Closed(t.Context(), w, 4, func(_ context.Context, worker int) load.Answer {
			most.Store(max(most.Load(), busy.Add(1)))
			defer busy.Add(-1)
			sleep(500 * time.Millisecond)
			if worker == 0 { // told to come back: one request in 2.5 s
				return load.Answer{Status: 503, RetryAfter: 2 * time.Second}
			}
			return load.Answer{Status: 200}
		})
		// The last to begin has its answer a quarter of a second after the window.
		if late := now().Sub(w.Until()); late != 250*time.Millisecond {
			t.Errorf("returned %v after the window; want 250 ms, without whom was told to come back later", late)
		}
		if most.Load() != 4 {
			t.Errorf("%d at a time; want 4", most.Load())
		}
		if ok := load.PerSecond(w, got, 200); ok != 6 {
			t.Errorf("%v answers a second; want 3 workers with 2 each", ok)
		}
		if refused := load.PerSecond(w, got, 503); refused != 0.4 {
			t.Errorf("%v refusals a second; want 0.4", refused)
		}
		for _, a := range got {
			if a.Took() != 500*time.Millisecond || a.Ended < w.Warm {
				t.Errorf("attempt from %v to %v; want half a second, ended in the window", a.Began, a.Ended)
			}
		}
	})
}

func TestClosedSpreadsItsBeginAndWaitsForTheLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := window(4*time.Second, time.Second)
		got := load.Closed(t.Context(), w, 4, func(context.Context, int) load.Answer {
			sleep(5 * time.Second)
			return load.Answer{Status: 200}
		})
		var began []time.Duration
		for _, a := range got {
			began = append(began, a.Began)
		}
		if len(got) != 4 || stat.Percentile(began, 0) != 0 || stat.Percentile(began, 1) != 1500*time.Millisecond {
			t.Errorf("begun at %v; want four, half a second apart", began)
		}
		if end := now().Sub(w.Begin); end != 6500*time.Millisecond {
			t.Errorf("returned after %v; want when the last has its answer", end)
		}
	})
}

func TestPerSecondCountsWhatLiesInTheWindow(t *testing.T) {
	t.Parallel()
	w := load.Window{Warm: 10 * time.Second, Period: 2 * time.Second}
	attempt := func(status int, began, ended time.Duration) load.Attempt {
		return load.Attempt{Answer: load.Answer{Status: status}, Began: began * time.Second, Ended: ended * time.Second}
	}
	for _, tc := range []struct {
		name    string
		attempt load.Attempt
		want    float64 // in the window of two seconds
	}{
		{"all of it", attempt(200, 10, 12), 1},
		{"another status", attempt(503, 10, 12), 0},
		{"half before", attempt(200, 9, 11), 0.5},
		{"three quarters after", attempt(200, 11, 15), 0.25},
		{"around it", attempt(200, 8, 16), 0.25},
		{"before it", attempt(200, 1, 9), 0},
		{"after it", attempt(200, 13, 14), 0},
		{"in no time", attempt(200, 11, 11), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := 2 * load.PerSecond(w, []load.Attempt{tc.attempt}, 200); got != tc.want {
				t.Errorf("got %v; want %v", got, tc.want)
			}
		})
	}
}
