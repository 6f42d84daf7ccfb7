package redisconn

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	dialTimeout = 200 * time.Millisecond // a Redis is near
	ioTimeout   = time.Second            // also while the caller has more patience
)

// errURL does not repeat the URL, which may hold a password.
var errURL = errors.New("must be a URL such as redis://user:password@host:6379, rediss://host:6380 with TLS, or unix:///run/redis.sock, with nothing behind it but the number of a database")

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

// New makes a client of the Redis of the URL: redis, rediss (TLS 1.2 or later, verified
// by the system's roots) or unix, with so many connections at most. Nothing is
// connected before the first call. Errors: the URL is none of these.
func New(rawURL domain.Secret, connections int) (*redis.Client, error) {
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
	o.PoolSize = connections
	return redis.NewClient(o), nil
}

// Translate turns an error of a client into one for callers: the end of their context,
// or ports.ErrUnavailable. It keeps the words: the library puts no secrets in them.
func Translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return ports.ErrUnavailable.Wrap(err)
}
