package bootstrap_test

import (
	"strings"
	"testing"

	"authserve/adapters/inbound/cli"
	"authserve/bootstrap"
)

func TestDoctorOnlyWarnsOfARedisThatIsDown(t *testing.T) {
	t.Parallel()
	checks, _ := examined(t.Context(), t, "password: {isolation: none, argon2_memory_kib: 1024, argon2_time: 1}\nredis: {url: 'redis://:hunter2@127.0.0.1:1'}\n")
	got := checks["redis"]
	if got.Status != cli.CheckWarn || !strings.Contains(got.Advice, "cache.ttl") {
		t.Errorf("redis %+v; want a warning and what it means", got)
	}
	wantFact(t, got, "connection refused")
	if checks, _ = examined(t.Context(), t, "password: {isolation: none, argon2_memory_kib: 1024, argon2_time: 1}\n"); checks["redis"].Name != "" {
		t.Errorf("redis %+v; want nothing where it is not configured", checks["redis"])
	}
}

func TestRedisWithoutACacheIsPointless(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[string]bool{"0": true, "1s": false} {
		_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: append(goodProduction(), "AUTHSERVE_REDIS_URL=redis://cache", "AUTHSERVE_CACHE_TTL="+ttl)})
		if err != nil || strings.Contains(strings.Join(warnings, "\n"), "redis.url has no use") != want {
			t.Errorf("cache.ttl %s: %v, warnings %q; want one: %v", ttl, err, warnings, want)
		}
	}
}
