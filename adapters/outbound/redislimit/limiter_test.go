package redislimit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"authserve/adapters/outbound/redislimit"
	"authserve/bootstrap/dbtest"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/conformance"
	"authserve/ports/fake"
)

func newLimiter(t testing.TB, url string) *redislimit.Limiter {
	t.Helper()
	l, err := redislimit.New(domain.NewSecret(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

var tenPerHour = domain.Rate{Name: "ten", Burst: 10, Period: time.Hour}

func bucket(key string) domain.Bucket { return domain.Bucket{Key: key, Rate: tenPerHour} }

// TestLimiter gives each case a database of its own, of which a server has sixteen.
func TestLimiter(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	var databases atomic.Int64
	conformance.Limiter(t, conformance.LimiterHarness{New: func(t *testing.T) ports.Limiter {
		t.Helper()
		return newLimiter(t, fmt.Sprint(server.URL(), "/", databases.Add(1)-1))
	}})
}

// allowed counts how many of so many attempts pass.
func allowed(t testing.TB, l ports.Limiter, attempts int, now time.Time, buckets ...domain.Bucket) int {
	t.Helper()
	passed := 0
	for range attempts {
		v, err := l.Take(t.Context(), now, buckets...)
		if err != nil {
			t.Fatalf("Take: %v", err)
		}
		if v.Allowed {
			passed++
		}
	}
	return passed
}

func TestReplicasShareBuckets(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	replicas := []*redislimit.Limiter{newLimiter(t, server.URL()), newLimiter(t, server.URL()), newLimiter(t, server.URL())}
	var passed atomic.Int64
	var contenders sync.WaitGroup
	for i := range 64 {
		contenders.Go(func() {
			v, err := replicas[i%len(replicas)].Take(t.Context(), fake.Epoch(), bucket("a"))
			if err != nil {
				t.Errorf("Take: %v", err)
			} else if v.Allowed {
				passed.Add(1)
			}
		})
	}
	contenders.Wait()
	if got := passed.Load(); got != 10 {
		t.Errorf("%d attempts passed at three replicas together, want 10", got)
	}
	if err := replicas[0].Return(t.Context(), fake.Epoch(), bucket("a")); err != nil {
		t.Fatalf("Return: %v", err)
	}
	if got := allowed(t, replicas[1], 3, fake.Epoch(), bucket("a")); got != 1 {
		t.Errorf("%d attempts passed after one was given back at another replica, want 1", got)
	}
}

func TestKeysExpireWhenTheirBucketIsFull(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	l, client := newLimiter(t, server.URL()), server.Client(t)
	life := func() time.Duration {
		t.Helper()
		left, err := client.PTTL(t.Context(), redislimit.Prefix+"ten:a").Result()
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	within := func(what string, want time.Duration) {
		t.Helper()
		if got := life(); got > want || got < want-time.Minute {
			t.Errorf("%s: the key lives for %v, want %v", what, got, want)
		}
	}
	allowed(t, l, 1, fake.Epoch(), bucket("a"))
	within("after one", 6*time.Minute)
	allowed(t, l, 20, fake.Epoch(), bucket("a"))
	within("after all", time.Hour)
	if err := l.Return(t.Context(), fake.Epoch(), bucket("a")); err != nil {
		t.Fatal(err)
	}
	within("after one was given back", 54*time.Minute)
	allowed(t, l, 2, fake.Epoch().Add(-100*time.Hour), bucket("a"))
	within("after the clock went back", time.Hour)
	for range 10 {
		if err := l.Return(t.Context(), fake.Epoch().Add(-100*time.Hour), bucket("a")); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := client.DBSize(t.Context()).Result(); n != 0 || err != nil {
		t.Errorf("%d keys, %v; want none of a bucket that is full", n, err)
	}
}

func TestScriptsThatRedisForgotAreSentAgain(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	l := newLimiter(t, server.URL())
	for range 2 {
		if got := allowed(t, l, 1, fake.Epoch(), bucket("a")); got != 1 {
			t.Error("an attempt was refused")
		}
		if err := server.Client(t).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := l.Return(t.Context(), fake.Epoch(), bucket("a")); err != nil {
			t.Errorf("Return: %v", err)
		}
	}
}

// wantsUnavailable tries both calls.
func wantsUnavailable(t *testing.T, l *redislimit.Limiter, words string) {
	t.Helper()
	v, err := l.Take(t.Context(), fake.Epoch(), bucket("a"), bucket("b"))
	if v.Allowed {
		t.Errorf("Take = %+v; want nothing allowed", v)
	}
	for _, err := range []error{err, l.Return(t.Context(), fake.Epoch(), bucket("a"), bucket("b"))} {
		if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), words) {
			t.Errorf("error %v; want %v with %q", err, ports.ErrUnavailable, words)
		}
		if strings.Contains(fmt.Sprint(err), "only-for-tests") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestRedisThatIsDown(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	l := newLimiter(t, server.URL())
	allowed(t, l, 3, fake.Epoch(), bucket("a"))
	server.Kill(t)
	wantsUnavailable(t, l, "")
	server.Restart(t)
	// The library does not dial at each call while dialling fails.
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if v, err := l.Take(t.Context(), fake.Epoch(), bucket("a")); err == nil {
			if !v.Allowed || v.Remaining != 9 {
				t.Errorf("Take after a restart = %+v; want a full bucket", v)
			}
			return
		}
		<-ticker.C
	}
}

func TestRedisThatIsFull(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	l, client := newLimiter(t, server.URL()), server.Client(t)
	allowed(t, l, 3, fake.Epoch(), bucket("a"))
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	wantsUnavailable(t, l, "OOM")
	if err := client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if got := allowed(t, l, 20, fake.Epoch(), bucket("a")); got != 7 {
		t.Errorf("%d attempts passed afterwards, want the 7 that were left", got)
	}
}

func TestRedisThatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		wantsUnavailable(t, newLimiter(t, strings.Replace(server.URL(), ":only", ":not-only", 1)), "WRONGPASS")
	})
	t.Run("a key of another kind", func(t *testing.T) {
		t.Parallel()
		if err := server.Client(t).LPush(t.Context(), redislimit.Prefix+"ten:a", "x").Err(); err != nil {
			t.Fatal(err)
		}
		wantsUnavailable(t, newLimiter(t, server.URL()), "WRONGTYPE")
	})
	t.Run("a key with rubbish", func(t *testing.T) {
		t.Parallel()
		if err := server.Client(t).Set(t.Context(), redislimit.Prefix+"ten:rubbish", "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got := allowed(t, newLimiter(t, server.URL()), 20, fake.Epoch(), bucket("rubbish")); got != 10 {
			t.Errorf("%d attempts passed, want 10", got)
		}
	})
}

// mute takes connections and never answers.
func mute(t *testing.T) (url string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return "redis://" + l.Addr().String()
}

func TestNobodyWaitsForAMuteServer(t *testing.T) {
	t.Parallel()
	url := mute(t)
	t.Run("its own patience ends", func(t *testing.T) {
		t.Parallel()
		wantsUnavailable(t, newLimiter(t, url), "timeout")
	})
	t.Run("the caller's ends", func(t *testing.T) {
		t.Parallel()
		l := newLimiter(t, url)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := l.Take(ctx, fake.Epoch(), bucket("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Take = %v; want the end of its context", err)
		}
		if err := l.Return(ctx, fake.Epoch(), bucket("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Return = %v; want the end of its context", err)
		}
	})
}

func TestAPausedServerIsNoAnswer(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	l := newLimiter(t, server.URL())
	allowed(t, l, 1, fake.Epoch(), bucket("a"))
	server.Pause(t)
	wantsUnavailable(t, l, "timeout")
	server.Resume(t)
	if got := allowed(t, l, 20, fake.Epoch(), bucket("a")); got > 10 {
		t.Errorf("%d attempts passed afterwards, want 10 at most", got)
	}
}

// TestTheRuleOfTheDocumentsIsEnough gives the service no other rights than
// docs/howto/caching.md does.
func TestTheRuleOfTheDocumentsIsEnough(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/howto/caching.md")
	if err != nil {
		t.Fatal(err)
	}
	var rule []any
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "ACL SETUSER ") {
			for word := range strings.FieldsSeq(line) {
				rule = append(rule, word)
			}
		}
	}
	server := dbtest.NewRedis(t)
	if err := server.Client(t).Do(t.Context(), rule...).Err(); err != nil {
		t.Fatalf("%q: %v", rule, err)
	}
	_, host, _ := strings.Cut(server.URL(), "@")
	url := "redis://authserve:PASSWORD@" + host + "/3"
	l := newLimiter(t, url)
	if got := allowed(t, l, 20, fake.Epoch(), bucket("a")); got != 10 {
		t.Errorf("%d attempts passed, want 10", got)
	}
	for range 11 { // the last deletes the key
		if err := l.Return(t.Context(), fake.Epoch(), bucket("a")); err != nil {
			t.Errorf("Return: %v", err)
		}
	}
	if err := server.Client(t).Do(t.Context(), "ACL", "SETUSER", "authserve", "resetkeys").Err(); err != nil {
		t.Fatal(err)
	}
	wantsUnavailable(t, newLimiter(t, url), "NOPERM")
}

func BenchmarkTake(b *testing.B) {
	l := newLimiter(b, dbtest.NewRedis(b).URL())
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Take(b.Context(), fake.Epoch(), bucket("a"), bucket("b")); err != nil {
				b.Error(err)
			}
		}
	})
}
