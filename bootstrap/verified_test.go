package bootstrap_test

import (
	"testing"
	"time"

	"authserve/bootstrap"
)

func TestPrivacyNeedsVerifiedAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ []string
		want    bool
	}{
		"default":  {nil, false},
		"required": {[]string{"AUTHSERVE_REGISTRATION_REQUIRE_VERIFIED_EMAIL=true"}, true},
		"private":  {[]string{"AUTHSERVE_REGISTRATION_PRIVACY=true"}, true},
	} {
		cfg, _, err := bootstrap.Load(bootstrap.LoadInput{Environ: c.environ})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		required, after := bootstrap.VerifiedOnly(cfg)
		if required != c.want || (after == 7*24*time.Hour) != c.want || (after == 0) == c.want {
			t.Errorf("%s: required %v, removed after %v; want %v", name, required, after, c.want)
		}
	}
}
