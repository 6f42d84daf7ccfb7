package memlimit_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"authserve/adapters/outbound/memlimit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/conformance"
	"authserve/ports/fake"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	conformance.Limiter(t, conformance.LimiterHarness{New: func(*testing.T) ports.Limiter { return memlimit.New() }})
}

var (
	perMinute = domain.Rate{Name: "minute", Burst: 30, Period: time.Minute}
	perHour   = domain.Rate{Name: "hour", Burst: 5, Period: time.Hour}
)

func take(t testing.TB, l *memlimit.Limiter, now time.Time, buckets ...domain.Bucket) bool {
	t.Helper()
	v, err := l.Take(t.Context(), now, buckets...)
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	return v.Allowed
}

func TestFullBucketsAreDropped(t *testing.T) {
	t.Parallel()
	l, now := memlimit.New(), fake.Epoch()
	const networks = 10_000
	for i := range networks {
		take(t, l, now, domain.Bucket{Key: fmt.Sprint(i), Rate: perMinute})
	}
	if got := l.Len(); got != networks {
		t.Fatalf("%d buckets after as many networks, want %d", got, networks)
	}
	now = now.Add(time.Minute)
	for i := range networks / 2 { // each drops more than it adds
		take(t, l, now, domain.Bucket{Key: fmt.Sprint("later ", i), Rate: perMinute})
	}
	if got := l.Len(); got > networks/2+1 {
		t.Errorf("%d buckets after the first were full for as long as half of them, want %d", got, networks/2)
	}
}

func TestBucketsThatAreGivenBackAreDropped(t *testing.T) {
	t.Parallel()
	l, now := memlimit.New(), fake.Epoch()
	for i := range 1000 {
		b := domain.Bucket{Key: fmt.Sprint(i), Rate: perHour}
		take(t, l, now, b)
		if err := l.Return(t.Context(), now, b); err != nil {
			t.Fatalf("Return: %v", err)
		}
	}
	if got := l.Len(); got > 2 {
		t.Errorf("%d buckets remain though all were given back at once", got)
	}
}

// A flood of networks must let nobody through who was refused before it.
func TestAFloodOfKeysFreesNoBucketUnderAttack(t *testing.T) {
	t.Parallel()
	l, now := memlimit.New(), fake.Epoch()
	attacked := domain.Bucket{Key: "attacked", Rate: perMinute}
	mailed := domain.Bucket{Key: "mailed", Rate: perHour}
	take(t, l, now, attacked)
	for i := range 30 {
		take(t, l, now, domain.Bucket{Key: fmt.Sprint("before ", i), Rate: perMinute})
	}
	for range perMinute.Burst {
		take(t, l, now, attacked)
	}
	for range perHour.Burst {
		take(t, l, now, mailed)
	}
	for i := range 2 * memlimit.MaxBuckets {
		if !take(t, l, now, domain.Bucket{Key: fmt.Sprint(i), Rate: perMinute}) {
			t.Fatalf("network %d was refused its first attempt", i)
		}
		if i%1000 == 0 && take(t, l, now, attacked) {
			t.Fatalf("the attacked bucket is open after %d networks", i)
		}
	}
	if take(t, l, now, attacked) || take(t, l, now, mailed) {
		t.Error("a bucket under attack was forgotten in the flood")
	}
	if got, most := l.Len(), memlimit.MaxBuckets+1; got != most {
		t.Errorf("%d buckets are kept, want %d", got, most)
	}
}

func TestAFloodUnderOneRateCrowdsOutNoOther(t *testing.T) {
	t.Parallel()
	l, now := memlimit.New(), fake.Epoch()
	attacked := domain.Bucket{Key: "attacked", Rate: perMinute}
	for range perMinute.Burst {
		take(t, l, now, attacked)
	}
	for i := range memlimit.MaxBuckets + 1000 { // each is full again after the attacked one
		take(t, l, now, domain.Bucket{Key: fmt.Sprint(i), Rate: perHour})
	}
	if take(t, l, now, attacked) {
		t.Error("the attacked bucket was forgotten in a flood under another rate")
	}
}

func TestMemoryIsBounded(t *testing.T) { //nolint:paralleltest // it reads the memory of the whole process
	heapOf := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heapOf()
	l, now := memlimit.New(), fake.Epoch()
	for i := range 2 * memlimit.MaxBuckets {
		take(t, l, now, domain.Bucket{Key: fmt.Sprintf("%064d", i), Rate: perMinute}) // as long as a MAC in hex
	}
	grown := int64(heapOf()) - int64(before)
	if grown > 10<<20 {
		t.Errorf("%d buckets take %d bytes, want 10 MiB at most", l.Len(), grown)
	}
	t.Logf("%d buckets take %d KiB", l.Len(), grown>>10)
	runtime.KeepAlive(l)
}

func BenchmarkTake(b *testing.B) {
	for name, networks := range map[string]int{"one": 1, "many": 100_000} {
		b.Run(name, func(b *testing.B) {
			l, now := memlimit.New(), fake.Epoch()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					key := fmt.Sprint(i % networks)
					if _, err := l.Take(b.Context(), now, domain.Bucket{Key: key, Rate: perMinute}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
