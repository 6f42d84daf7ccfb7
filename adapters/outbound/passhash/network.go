package passhash

import (
	"net/netip"

	"authserve/core/domain"
)

// ipv6Site is the prefix that one customer of a provider usually has.
const ipv6Site = 64

// network is whom the queue takes for one caller: an IPv4 address, or the /64 of
// an IPv6 address. The service's own work and operators are one of their own.
func network(a domain.Actor) string {
	ip, err := netip.ParseAddr(a.IP)
	if err != nil {
		return string(a.Kind)
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(ipv6Site) // an address without a zone has every prefix
		return prefix.String()
	}
	return ip.String()
}
