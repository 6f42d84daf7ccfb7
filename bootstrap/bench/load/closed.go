package load

import (
	"context"
	"sync"
	"time"
)

// Answer is what became of one request.
type Answer struct {
	Status     int           // of HTTP; 0: none came
	RetryAfter time.Duration // 0: not told
	Fault      string        // why none came
}

// Attempt is one request of Closed, in time since the window's begin.
type Attempt struct {
	Answer
	Began, Ended time.Duration
}

// Took is how long the answer took.
func (a Attempt) Took() time.Duration { return a.Ended - a.Began }

// Closed lets every worker call do again and again until the window ends, and
// returns what was under way in it. A worker who is told to come back later does. They
// begin one after the other through the first half of the warm-up. Requests under
// way at the end are waited for.
func Closed(ctx context.Context, w Window, workers int, do func(ctx context.Context, worker int) Answer) []Attempt {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := make([][]Attempt, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			wait(ctx, w.Begin.Add(w.Warm/2*time.Duration(i)/time.Duration(workers)))
			for ctx.Err() == nil && now().Before(w.Until()) {
				a := Attempt{Began: now().Sub(w.Begin)}
				a.Answer = do(ctx, i)
				a.Ended = now().Sub(w.Begin)
				if a.Ended >= w.Warm { // under way in the window: it began before its end
					all[i] = append(all[i], a)
				}
				if a.RetryAfter > 0 {
					again := now().Add(a.RetryAfter)
					if !again.Before(w.Until()) {
						return
					}
					wait(ctx, again)
				}
			}
		})
	}
	group.Wait()
	var joined []Attempt
	for _, a := range all {
		joined = append(joined, a...)
	}
	return joined
}

// PerSecond is how many of the attempts with the status there were in a second of
// the window. One that began before the window or ended after it counts by the share
// of its time that lies inside: attempts can be as long as the window.
func PerSecond(w Window, attempts []Attempt, status int) float64 {
	var n float64
	for _, a := range attempts {
		inside := min(a.Ended, w.Warm+w.Period) - max(a.Began, w.Warm)
		switch {
		case a.Status != status || inside < 0:
		case inside == a.Took(): // at no time at all, too
			n++
		default:
			n += float64(inside) / float64(a.Took())
		}
	}
	return n / w.Period.Seconds()
}

func wait(ctx context.Context, until time.Time) {
	timer := time.NewTimer(until.Sub(now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
