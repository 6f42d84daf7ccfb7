package passhash

import (
	"net/netip"

	"authserve/core/domain"
)

// ipv6Site is the longest prefix that providers give to one customer (RFC 6177): a
// caller with 65,536 networks of /64 must not have as many turns.
const ipv6Site = 48

// network is whom the queue takes for one caller: an IPv4 address, or the /48 of
// an IPv6 address. The service's own work and operators are one of their own.
func network(a domain.Actor) string {
	ip, err := netip.ParseAddr(a.IP)
	if err != nil {
		return string(a.Kind)
	}
	ip = ip.Unmap()
	if ip.Is6() {
		prefix, _ := ip.Prefix(ipv6Site) // every such address has one
		return prefix.String()
	}
	return ip.String()
}
