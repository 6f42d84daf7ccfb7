package bootstrap_test

import (
	"slices"
	"strings"
	"testing"

	"authserve/bootstrap"
)

func TestWarningsOfLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ, variables []string
		want               string // empty: none
	}{
		"on":                        {goodProduction(), nil, ""},
		"off in production":         {goodProduction(), []string{"AUTHSERVE_RATE_LIMIT_ENABLED=false"}, "IN PRODUCTION"},
		"off in development":        {nil, []string{"AUTHSERVE_RATE_LIMIT_ENABLED=false"}, ""},
		"one volley closes":         {goodProduction(), []string{"AUTHSERVE_RATE_LIMIT_ACCOUNT_BURST=100"}, "one volley"},
		"one network's does":        {goodProduction(), []string{"AUTHSERVE_RATE_LIMIT_MAX_FAILURES=70"}, "one volley"},
		"no volley where it is off": {goodProduction(), []string{"AUTHSERVE_RATE_LIMIT_ENABLED=false", "AUTHSERVE_RATE_LIMIT_ACCOUNT_BURST=100"}, "IN PRODUCTION"},
	} {
		_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: slices.Concat(c.environ, c.variables)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		of := slices.DeleteFunc(warnings, func(w string) bool { return !strings.HasPrefix(w, "rate_limit.") })
		if good := len(of) == 0; good != (c.want == "") || !good && (len(of) != 1 || !strings.Contains(of[0], c.want)) {
			t.Errorf("%s: warnings %q; want one with %q", name, of, c.want)
		}
	}
}

func TestFreeFailuresEndBeforeTheLast(t *testing.T) {
	t.Parallel()
	_, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_RATE_LIMIT_FREE_FAILURES=51", "AUTHSERVE_RATE_LIMIT_MAX_FAILURES=50"}})
	wantFaults(t, err, "rate_limit.free_failures: (51) must be at most rate_limit.max_failures (50)")
}
