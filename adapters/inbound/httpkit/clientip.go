package httpkit

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxForwardedHops bounds how many entries of X-Forwarded-For are looked at.
const maxForwardedHops = 32

// client is who sent a request, as far as it can be trusted.
type client struct {
	ip          string // empty: unknown
	network     string // that limits count by; empty: unknown
	peerTrusted bool   // the direct peer is one of our proxies
}

// clientOf finds who sent the request. Only proxies are believed: their X-Forwarded-For
// is walked from the right, and the first address that is not a proxy's is the
// client's. An entry that is no address ends the walk at the last good one. Where only
// proxies are found, the address is the last of theirs, and the network unknown: they
// stand for all who come through them.
func clientOf(r *http.Request, proxies []netip.Prefix) client {
	peer, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return client{}
	}
	if !isProxy(peer, proxies) {
		return clientAt(peer, false)
	}
	last := peer
	hops := 0
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for rest != "" {
			var entry string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				rest, entry = "", rest
			}
			hops++
			address, ok := parseAddress(strings.TrimSpace(entry))
			if !ok || hops > maxForwardedHops {
				return client{ip: last.String(), peerTrusted: true}
			}
			if !isProxy(address, proxies) {
				return clientAt(address, true)
			}
			last = address
		}
	}
	return client{ip: last.String(), peerTrusted: true}
}

// clientAt is the client of that address. Its network is all of an IPv4 address, and of
// an IPv6 one the /64, which is the least that one subscriber has for himself (RFC 6177).
func clientAt(a netip.Addr, peerTrusted bool) client {
	c := client{ip: a.String(), peerTrusted: peerTrusted}
	if c.network = c.ip; a.Is6() {
		c.network = netip.PrefixFrom(a, 64).Masked().String()
	}
	return c
}

// parseAddress reads an address with or without a port, IPv6 with or without
// brackets. Zones are dropped, and IPv4 in IPv6 becomes IPv4, so that one address
// has one spelling.
func parseAddress(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return canonical(ap.Addr()), true
	}
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return canonical(a), true
	}
	return netip.Addr{}, false
}

func canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func isProxy(a netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
