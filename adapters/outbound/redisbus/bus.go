package redisbus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"authserve/adapters/outbound/redisconn"
	"authserve/core/domain"
	"authserve/ports"
)

// Channel is where the replicas meet. Its number changes when what is said there does.
const Channel = "authserve.changes.1"

const pingEvery = time.Second

// Bus implements ports.Announcer over Redis. Safe for concurrent use.
type Bus struct {
	client *redis.Client
	self   domain.ID
}

var _ ports.Announcer = (*Bus)(nil)

var errSilent = errors.New("redis: silent for two seconds")

// New makes a bus over the Redis of the URL, as redisconn.New takes it. ids names this
// replica among the others. Nothing is connected before the first call.
func New(rawURL domain.Secret, ids ports.IDs) (*Bus, error) {
	client, err := redisconn.New(rawURL, 2) // one caller publishes, and there is room for a connection that hangs
	if err != nil {
		return nil, err
	}
	return &Bus{client: client, self: ids.New()}, nil
}

// Close ends the connections. No call may be under way.
func (b *Bus) Close() error { return b.client.Close() }

// Announce implements ports.Announcer.
func (b *Bus) Announce(ctx context.Context, c ports.Changes) error {
	return redisconn.Translate(ctx, b.client.Publish(ctx, Channel, encode(b.self, c)).Err())
}

// Listen implements ports.Announcer.
func (b *Bus) Listen(ctx context.Context, listening func(), heard func(ports.Changes)) error {
	// The error, if any, comes again with the first Receive, which connects otherwise.
	sub := b.client.Subscribe(ctx, Channel)
	l := link{sub: sub, over: make(chan struct{})}
	var watch sync.WaitGroup
	watch.Go(func() { l.watch(ctx) })
	err := b.receive(ctx, &l, listening, heard)
	close(l.over)
	watch.Wait()
	_ = sub.Close() // a second time says that there was a first
	if l.silent.Load() {
		err = errSilent
	}
	return redisconn.Translate(ctx, err)
}

// receive reads until the connection ends.
func (b *Bus) receive(ctx context.Context, l *link, listening func(), heard func(ports.Changes)) error {
	for {
		message, err := l.sub.Receive(ctx)
		if err != nil {
			return err
		}
		l.alive.Store(true)
		switch m := message.(type) {
		case *redis.Subscription: // also when the library connected anew by itself
			listening()
		case *redis.Message:
			sender, c, ok := decode(m.Payload)
			if !ok {
				c = ports.Changes{Any: true}
			}
			if sender != b.self {
				heard(c)
			}
		}
	}
}

// link is one subscription and what is known of its connection.
type link struct {
	sub    *redis.PubSub
	over   chan struct{}
	alive  atomic.Bool // something was read since the last ping
	silent atomic.Bool
}

// watch closes the subscription, which ends a Receive, when ctx ends or Redis is
// silent.
func (l *link) watch(ctx context.Context) {
	l.alive.Store(true) // it has its time to connect
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.over:
			return
		case <-ctx.Done():
			_ = l.sub.Close()
			return
		}
		if !l.alive.Swap(false) || l.sub.Ping(ctx) != nil {
			l.silent.Store(true)
			_ = l.sub.Close()
			return
		}
	}
}
