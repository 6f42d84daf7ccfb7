package audit

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// mostDenials bounds how many networks and codes are told apart between two calls of
// Flush, and with it memory and the growth of the audit log: at one call a minute some
// hundred thousand events a day, under an attack that never ends.
const mostDenials = 256

// The facts in an event of denials.
const (
	DetailCode  = "code"  // of what was answered
	DetailCount = "count" // how often
	DetailUntil = "until" // the last one; the first one is when the event happened
)

// Denials counts what callers were denied that nobody knows, by network and code. An
// event for each would let anybody fill the audit log. Safe for concurrent use.
type Denials struct {
	store ports.Store
	clock ports.Clock
	ids   ports.IDs

	mu    sync.Mutex
	since map[denied]span
}

type denied struct {
	network string // empty: unknown, or one of too many
	code    domain.Code
}

type span struct {
	count       int64
	first, last time.Time
}

// NewDenials makes Denials without any.
func NewDenials(store ports.Store, clock ports.Clock, ids ports.IDs) *Denials {
	return &Denials{store: store, clock: clock, ids: ids, since: map[denied]span{}}
}

// Denied counts one, of the network of ctx's actor. It does not wait. Beyond the bound,
// further networks are counted together, as unknown.
func (d *Denials) Denied(ctx context.Context, code domain.Code) {
	now := d.clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(denied{domain.ActorFrom(ctx).Network, code}, span{1, now, now})
}

// add must be called with the lock.
func (d *Denials) add(key denied, more span) {
	if _, known := d.since[key]; !known && len(d.since) >= mostDenials {
		key.network = ""
	}
	s, known := d.since[key]
	if !known {
		d.since[key] = more
		return
	}
	s.count += more.count
	if more.first.Before(s.first) {
		s.first = more.first
	}
	if more.last.After(s.last) {
		s.last = more.last
	}
	d.since[key] = s
}

// Any reports that there is something to write.
func (d *Denials) Any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.since) > 0
}

// Flush writes one event for each network and code, and returns how many. What could
// not be written is counted on.
func (d *Denials) Flush(ctx context.Context) (int, error) {
	d.mu.Lock()
	taken := d.since
	d.since = map[denied]span{}
	d.mu.Unlock()
	events := d.events(ctx, taken)
	if len(events) == 0 {
		return 0, nil
	}
	err := d.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, e := range events {
			if err := tx.Audit().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		for key, s := range taken {
			d.add(key, s)
		}
		return 0, err
	}
	return len(events), nil
}

// events are the denials in a fixed order.
func (d *Denials) events(ctx context.Context, taken map[denied]span) []domain.AuditEvent {
	keys := slices.SortedFunc(maps.Keys(taken), func(a, b denied) int {
		if a.network != b.network {
			return strings.Compare(a.network, b.network)
		}
		return strings.Compare(string(a.code), string(b.code))
	})
	events := make([]domain.AuditEvent, len(keys))
	for i, key := range keys {
		s := taken[key]
		actor := domain.Actor{Kind: domain.ActorAnonymous, IP: key.network, CorrelationID: domain.ActorFrom(ctx).CorrelationID}
		events[i] = domain.NewAuditEvent(d.ids.New(), actor, domain.AuditAccessDenied, "", s.first, map[string]string{
			DetailCode: string(key.code), DetailCount: strconv.FormatInt(s.count, 10), DetailUntil: s.last.UTC().Format(time.RFC3339Nano),
		})
	}
	return events
}
