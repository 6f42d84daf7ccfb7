package queue_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"authserve/adapters/outbound/passhash/queue"
)

// What an attacker's job costs a queue that is as full as it can be: with every place
// taken by a network of its own, with two places for some, and with all for one. The
// newcomers come from the network whose turn is the last.
func BenchmarkRefusal(b *testing.B) {
	const last = queue.MaxWaiting - 1
	for name, network := range map[string]func(i int) int{
		"a network each":   func(i int) int { return i },
		"some have two":    func(i int) int { return i % (queue.MaxWaiting * 2 / 3) },
		"a single network": func(int) int { return last },
	} {
		b.Run(name, func(b *testing.B) {
			q := newQueue(b, queue.Config{Slots: 1, Waiting: queue.MaxWaiting})
			_, _ = queue.Do(b.Context(), q, ordinary, func(int) (bool, error) { <-time.After(time.Millisecond); return true, nil })
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // judged by the wait
			defer cancel()
			end := make(chan struct{})
			defer close(end)
			for i := range queue.MaxWaiting + 1 {
				go func() {
					_, _ = queue.Do(ctx, q, of(strconv.Itoa(network(max(0, i-1)))), func(int) (bool, error) { <-end; return true, nil })
				}()
				for running, waiting := q.Depth(); running+waiting <= i; running, waiting = q.Depth() {
					runtime.Gosched()
				}
			}
			newcomer := of(strconv.Itoa(network(queue.MaxWaiting*2/3 - 1)))
			for b.Loop() {
				if _, err := queue.Do(ctx, q, newcomer, nothing); retryAfter(err) == 0 {
					b.Fatalf("got %v, want it refused", err)
				}
			}
			b.StopTimer()
			cancel()
		})
	}
}
