package memlimit

import (
	"context"
	"strings"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// MaxBuckets is how many buckets of one rate are kept at most: some 7 MB of them.
const MaxBuckets = 1 << 15

// Limiter implements ports.Limiter. What it holds ends with the process.
type Limiter struct {
	mu      sync.Mutex
	shelves map[string]*shelf // by the name of the rate, of which there are a few
}

var _ ports.Limiter = (*Limiter)(nil)

// New makes a limiter whose buckets are all full.
func New() *Limiter { return &Limiter{shelves: map[string]*shelf{}} }

// Take implements ports.Limiter.
func (l *Limiter) Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error) {
	if err := ctx.Err(); err != nil {
		return domain.RateVerdict{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	verdict := domain.RateVerdict{Allowed: true}
	for _, b := range buckets {
		s := l.shelf(b.Rate.Name)
		s.sweep(now)
		kept := s.arrival(b.Key)
		if held := b.Rate.Arrival(kept, now); held.Before(kept) {
			s.put(b.Key, held) // the clock went back
		}
		v, _ := b.Rate.Judge(kept, now)
		verdict = verdict.Tighter(v)
	}
	if !verdict.Allowed {
		return verdict, nil
	}
	for _, b := range buckets {
		s := l.shelf(b.Rate.Name)
		kept := s.arrival(b.Key)
		if kept.IsZero() && len(s.order) >= MaxBuckets {
			s.forget()
		}
		_, next := b.Rate.Judge(kept, now)
		s.put(strings.Clone(b.Key), next) // a key may be a piece of something large
	}
	return verdict, nil
}

// Return implements ports.Limiter.
func (l *Limiter) Return(ctx context.Context, _ time.Time, buckets ...domain.Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range buckets {
		s := l.shelf(b.Rate.Name)
		if kept := s.arrival(b.Key); !kept.IsZero() {
			s.put(b.Key, kept.Add(-b.Rate.Interval()))
		}
	}
	return nil
}

func (l *Limiter) shelf(rate string) *shelf {
	s, ok := l.shelves[rate]
	if !ok {
		s = &shelf{buckets: map[string]*bucket{}}
		l.shelves[rate] = s
	}
	return s
}
