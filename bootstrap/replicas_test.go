package bootstrap_test

import (
	"slices"
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

func TestRedisWithoutACacheAndLimitsIsPointless(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		variables []string
		want      bool
	}{
		"neither":  {[]string{"AUTHSERVE_CACHE_TTL=0", "AUTHSERVE_RATE_LIMIT_ENABLED=false"}, true},
		"limits":   {[]string{"AUTHSERVE_CACHE_TTL=0"}, false},
		"a cache":  {[]string{"AUTHSERVE_RATE_LIMIT_ENABLED=false"}, false},
		"defaults": {nil, false},
	} {
		_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: slices.Concat(goodProduction(), []string{"AUTHSERVE_REDIS_URL=redis://cache"}, c.variables)})
		if err != nil || strings.Contains(strings.Join(warnings, "\n"), "redis.url has no use") != c.want {
			t.Errorf("%s: %v, warnings %q; want one: %v", name, err, warnings, c.want)
		}
	}
}
