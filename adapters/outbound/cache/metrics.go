package cache

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names the instrumentation.
const scope = "authserve/adapters/outbound/cache"

// counts are of the Views that could be answered from memory.
type counts struct{ hits, misses, stale atomic.Int64 }

// instruments makes the metrics. They are read when somebody collects, so that they
// cost a View next to nothing.
func (s *Store) instruments(meter metric.Meter) error {
	reads, err := meter.Int64ObservableCounter("authserve.cache.reads", metric.WithUnit("{read}"),
		metric.WithDescription("Reads of sessions and accounts that the cache could answer: by it (hit), by the database (miss), or by what is old since the database did not answer (stale)."))
	if err != nil {
		return err
	}
	evictions, err := meter.Int64ObservableCounter("authserve.cache.evictions", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries of the cache that went to make room for others."))
	if err != nil {
		return err
	}
	entries, err := meter.Int64ObservableGauge("authserve.cache.entries", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries in the cache, also those too old to be used."))
	if err != nil {
		return err
	}
	changes, err := meter.Int64ObservableCounter("authserve.cache.changes", metric.WithUnit("{change}"),
		metric.WithDescription("Rows written that replicas tell each other of: announced to the others (sent), not announced (lost), or heard of from them (heard). Needs redis.url."))
	if err != nil {
		return err
	}
	listening, err := meter.Int64ObservableGauge("authserve.cache.listening",
		metric.WithDescription("1 while this replica hears what others write. Needs redis.url."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for result, n := range map[string]*atomic.Int64{"hit": &s.counts.hits, "miss": &s.counts.misses, "stale": &s.counts.stale} {
			o.ObserveInt64(reads, n.Load(), metric.WithAttributes(attribute.String("result", result)))
		}
		kept, evicted := s.memory.size()
		o.ObserveInt64(entries, int64(kept))
		o.ObserveInt64(evictions, evicted)
		if r := s.relay; r != nil {
			for result, n := range map[string]*atomic.Int64{"sent": &r.sent, "lost": &r.lost, "heard": &r.heard} {
				o.ObserveInt64(changes, n.Load(), metric.WithAttributes(attribute.String("result", result)))
			}
			var yes int64
			if r.listening.Load() {
				yes = 1
			}
			o.ObserveInt64(listening, yes)
		}
		return nil
	}, reads, evictions, entries, changes, listening)
	return err
}
