package ops

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosts are the names that the Host header may hold beside those of loopback and
// the address that the connection came in on.
//
// This defends against DNS rebinding: a page of evil.example whose name is made to
// point at this machine is same-origin with this listener, but its requests still
// say evil.example. A literal address cannot be rebound.
type hosts map[string]bool

func newHosts(names []string) hosts {
	h := hosts{}
	for _, name := range names {
		h[normalHost(name)] = true
	}
	return h
}

func (h hosts) allow(r *http.Request) bool {
	host := hostname(r.Host)
	if address, err := netip.ParseAddr(host); err == nil {
		address = address.Unmap()
		return address.IsLoopback() || address == localAddress(r) || h[host]
	}
	// RFC 6761 section 6.3: localhost and every name below it are loopback.
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || h[host]
}

// hostname is the name or address in a Host header, without port and brackets.
func hostname(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	} else if inner, bracketed := strings.CutPrefix(header, "["); bracketed {
		host = strings.TrimSuffix(inner, "]")
	}
	return normalHost(host)
}

func normalHost(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// localAddress is this side's address of the connection; the zero value when it
// is not known.
func localAddress(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	parsed, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return parsed.Addr().Unmap()
}
