package httpkit

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxForwardedHops bounds how many entries of X-Forwarded-For are looked at.
const maxForwardedHops = 32

// clientAddress tells who sent the request, as far as it can be trusted, and
// whether the direct peer is one of our proxies. Only proxies are believed: their
// X-Forwarded-For is walked from the right, and the first address that is not a
// proxy's is the client's. An entry that is no address ends the walk at the last
// good one.
func clientAddress(r *http.Request, proxies []netip.Prefix) (ip string, peerTrusted bool) {
	peer, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return "", false
	}
	if !isProxy(peer, proxies) {
		return peer.String(), false
	}
	client := peer
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
				return client.String(), true
			}
			if client = address; !isProxy(address, proxies) {
				return client.String(), true
			}
		}
	}
	return client.String(), true
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
