package passhash_test

import (
	"testing"

	"authserve/adapters/outbound/passhash"
	"authserve/core/domain"
)

func TestNetworkOfAnActor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, a, b string
		same       bool
	}{
		{"one address", "192.0.2.1", "192.0.2.1", true},
		{"two IPv4 addresses", "192.0.2.1", "192.0.2.2", false},
		{"one site", "2001:db8:1:2::1", "2001:db8:1:ffff::9", true},
		{"two sites", "2001:db8:1:2::1", "2001:db8:2:2::1", false},
		{"IPv4 in IPv6", "::ffff:192.0.2.1", "192.0.2.1", true},
		{"zones", "fe80::1%eth0", "fe80::2%eth1", true},
		{"no address", "", "not an address", true},
		{"an address and none", "192.0.2.1", "", false},
	} {
		a, b := passhash.Network(domain.Actor{Kind: domain.ActorAnonymous, IP: c.a}), passhash.Network(domain.Actor{Kind: domain.ActorAnonymous, IP: c.b})
		if (a == b) != c.same {
			t.Errorf("%s: %q and %q", c.name, a, b)
		}
	}
	if a, b := passhash.Network(domain.Actor{Kind: domain.ActorOperator}), passhash.Network(domain.Actor{Kind: domain.ActorAnonymous}); a == b {
		t.Error("an operator waits among strangers")
	}
}
