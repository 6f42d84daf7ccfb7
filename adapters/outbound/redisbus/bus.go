package redisbus

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"authserve/core/domain"
	"authserve/ports"
)

// Channel is where the replicas meet. Its number changes when what is said there does.
const Channel = "authserve.changes.1"

const (
	dialTimeout = 200 * time.Millisecond // a Redis is near
	ioTimeout   = time.Second            // also while the caller has more patience
	pingEvery   = time.Second
)

// Bus implements ports.Announcer over Redis. Safe for concurrent use.
type Bus struct {
	client *redis.Client
	self   domain.ID
}

var _ ports.Announcer = (*Bus)(nil)

var (
	// errURL does not repeat the URL, which may hold a password.
	errURL    = errors.New("must be a URL such as redis://user:password@host:6379, rediss://host:6380 with TLS, or unix:///run/redis.sock, with nothing behind it but the number of a database")
	errSilent = errors.New("redis: silent for two seconds")
)

// CheckURL tells whether New takes the URL. Errors name no part of it.
func CheckURL(raw string) error {
	_, err := parse(raw)
	return err
}

// parse takes no settings from the URL: what the timeouts are is decided here.
func parse(raw string) (*redis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return nil, errURL
	}
	switch u.Scheme {
	case "redis", "rediss":
		database := strings.TrimPrefix(u.Path, "/")
		if _, err := strconv.ParseUint(database, 10, 16); u.Hostname() == "" || database != "" && err != nil {
			return nil, errURL
		}
		if _, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && err != nil {
			return nil, errURL
		}
	case "unix":
		if u.Host != "" || len(u.Path) < 2 {
			return nil, errURL
		}
	default:
		return nil, errURL
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, errURL
	}
	return o, nil
}

// New makes a bus over the Redis of the URL: redis, rediss (TLS 1.2 or later, verified
// by the system's roots) or unix. ids names this replica among the others. Nothing is
// connected before the first call. Errors: the URL is none of these.
func New(rawURL domain.Secret, ids ports.IDs) (*Bus, error) {
	o, err := parse(rawURL.Reveal())
	if err != nil {
		return nil, err
	}
	logging.Disable() // of the whole library: it writes text to standard error, and we return errors
	// Without these a call on a dead Redis takes 1.7 s: five dials, three times.
	o.DialTimeout, o.DialerRetries, o.MaxRetries = dialTimeout, 1, 1
	o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = ioTimeout, ioTimeout, ioTimeout
	o.ContextTimeoutEnabled = true
	o.Protocol = 2 // all that is needed, and every Redis speaks it
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PoolSize = 2 // one caller publishes, and there is room for a connection that hangs
	return &Bus{client: redis.NewClient(o), self: ids.New()}, nil
}

// Close ends the connections. No call may be under way.
func (b *Bus) Close() error { return b.client.Close() }

// Announce implements ports.Announcer.
func (b *Bus) Announce(ctx context.Context, c ports.Changes) error {
	if err := b.client.Publish(ctx, Channel, encode(b.self, c)).Err(); err != nil {
		return translate(ctx, err)
	}
	return nil
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
	return translate(ctx, err)
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

// translate keeps the words of the error: the library puts no secrets in them.
func translate(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return ports.ErrUnavailable.Wrap(err)
}
