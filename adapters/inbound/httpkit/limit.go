package httpkit

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"authserve/core/domain"
)

// Limit bounds how often the operations that share it are called: counted before the
// body is read, so that what is refused costs nothing. The zero Limit bounds nothing.
type Limit struct {
	// Each is for one session where the endpoint authenticates, otherwise for one
	// network. Callers of unknown address share no bucket: All alone counts them.
	Each domain.Rate
	// All is for all callers together; zero: unbounded. An attacker who empties it shuts
	// everybody out, so it is for what nobody needs at once.
	All domain.Rate
}

// Limits are the limits of the API, by what the operations cost or give away.
type Limits struct {
	Login    Limit // holding a password against an account
	Register Limit // creating accounts
	Mail     Limit // having mail sent to whoever
	Token    Limit // presenting a refresh token or a one-time token
	Session  Limit // what a session seldom needs, and a thief of one would like
}

var errRateLimited = domain.NewError(domain.KindTooMany, domain.CodeRateLimited, "Too many requests. Wait, and try again.")

// take counts the request against the limit of its endpoint, and says in h how that
// stands.
func (rt *Router) take(ctx context.Context, h http.Header, limit Limit) error {
	buckets := limit.buckets(domain.ActorFrom(ctx))
	if len(buckets) == 0 || rt.deps.Limiter == nil {
		return nil
	}
	verdict, err := rt.deps.Limiter.Take(ctx, rt.deps.Clock.Now(), buckets...)
	if err != nil {
		return err
	}
	setRateLimit(h, buckets, verdict)
	if !verdict.Allowed {
		return errRateLimited.WithRetryAfter(verdict.RetryAfter)
	}
	return nil
}

func (l Limit) buckets(actor domain.Actor) []domain.Bucket {
	buckets := make([]domain.Bucket, 0, 2)
	caller := actor.Network
	if actor.Kind == domain.ActorAccount {
		caller = string(actor.SessionID)
	}
	if caller != "" && !l.Each.IsZero() {
		buckets = append(buckets, domain.Bucket{Key: caller, Rate: l.Each})
	}
	if !l.All.IsZero() {
		buckets = append(buckets, domain.Bucket{Rate: l.All})
	}
	return buckets
}

// setRateLimit sets the fields of draft-ietf-httpapi-ratelimit-headers-10: the policies
// that hold here, and what is left under the tightest of them until its quota is whole
// again, or of nothing until the next attempt may pass. Times are whole seconds, rounded up.
func setRateLimit(h http.Header, buckets []domain.Bucket, v domain.RateVerdict) {
	policies := ""
	for i, b := range buckets {
		if i > 0 {
			policies += ", "
		}
		policies += quoted(b.Rate.Name) + ";q=" + strconv.Itoa(b.Rate.Burst) + ";w=" + seconds(b.Rate.Period)
	}
	h["Ratelimit-Policy"] = []string{policies}
	until := v.Reset
	if !v.Allowed {
		until = v.RetryAfter
	}
	h["Ratelimit"] = []string{quoted(v.Rate.Name) + ";r=" + strconv.Itoa(v.Remaining) + ";t=" + seconds(until)}
}

// quoted is a string of RFC 9651 section 3.3.3. Names of policies need no escapes.
func quoted(name string) string { return `"` + name + `"` }

// seconds rounds up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
