package redislimit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"authserve/adapters/outbound/redisconn"
	"authserve/core/domain"
	"authserve/ports"
)

// Prefix begins the name of every key. Its number changes when what is kept does.
const Prefix = "authserve.limit.1:"

// connections are the most at a time: an attempt holds one for a fraction of a
// millisecond.
const connections = 16

//go:embed take.lua
var takeSource string

//go:embed return.lua
var returnSource string

// Limiter implements ports.Limiter over Redis. Safe for concurrent use.
type Limiter struct {
	client       *redis.Client
	take, giving *redis.Script
}

var _ ports.Limiter = (*Limiter)(nil)

// New makes a limiter over the Redis of the URL, as redisconn.New takes it. Nothing is
// connected before the first call.
func New(rawURL domain.Secret) (*Limiter, error) {
	client, err := redisconn.New(rawURL, connections)
	if err != nil {
		return nil, err
	}
	return &Limiter{client: client, take: redis.NewScript(takeSource), giving: redis.NewScript(returnSource)}, nil
}

// Close ends the connections. No call may be under way.
func (l *Limiter) Close() error { return l.client.Close() }

// Take implements ports.Limiter.
func (l *Limiter) Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error) {
	if err := ctx.Err(); err != nil || len(buckets) == 0 {
		return domain.RateVerdict{Allowed: err == nil}, err
	}
	now = domain.Instant(now)
	keys, args := arguments(now, buckets)
	found, err := l.take.Run(ctx, l.client, keys, args...).Int64Slice()
	if err == nil && len(found) != len(buckets) {
		err = errAnswer
	}
	if err != nil {
		return domain.RateVerdict{}, redisconn.Translate(ctx, err)
	}
	verdict := domain.RateVerdict{Allowed: true}
	for i, b := range buckets {
		v, _ := b.Rate.Judge(time.UnixMicro(found[i]), now)
		verdict = verdict.Tighter(v)
	}
	return verdict, nil
}

var errAnswer = errors.New("redis: the script answered what it does not")

// Return implements ports.Limiter.
func (l *Limiter) Return(ctx context.Context, now time.Time, buckets ...domain.Bucket) error {
	if err := ctx.Err(); err != nil || len(buckets) == 0 {
		return err
	}
	keys, args := arguments(domain.Instant(now), buckets)
	err := l.giving.Run(ctx, l.client, keys, args...).Err()
	if errors.Is(err, redis.Nil) { // the script returns nothing
		err = nil
	}
	return redisconn.Translate(ctx, err)
}

// arguments are those of both scripts.
func arguments(now time.Time, buckets []domain.Bucket) (keys []string, args []any) {
	keys, args = make([]string, len(buckets)), []any{now.UnixMicro()}
	for i, b := range buckets {
		keys[i] = fmt.Sprint(Prefix, b.Rate.Name, ":", b.Key)
		args = append(args, b.Rate.Interval().Microseconds(), b.Rate.Whole().Microseconds())
	}
	return keys, args
}
