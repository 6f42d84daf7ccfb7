package httpkit

import (
	"fmt"
	"net/http"
	"net/url"
)

// header is one field in canonical form with its value. The slice is shared by
// all answers: http.Header replaces, and appends by copying.
type header struct {
	name  string
	value []string
}

func fixed(name, value string) header {
	return header{name: http.CanonicalHeaderKey(name), value: []string{value}}
}

// securityHeaders are the fields of every answer (OWASP ASVS 5.0 chapter 3.4).
// Handlers that serve anything but API documents override what they must.
func securityHeaders(https bool) []header {
	headers := []header{
		fixed("X-Content-Type-Options", "nosniff"),
		fixed("X-Frame-Options", "DENY"),
		fixed("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
		fixed("Referrer-Policy", "no-referrer"),
		fixed("Cache-Control", "no-store"),
	}
	if https {
		headers = append(headers, fixed("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
	}
	return headers
}

// parseOrigins accepts exact web origins (RFC 6454 section 6.2): no wildcard, no
// path.
func parseOrigins(origins []string) (map[string]bool, error) {
	set := make(map[string]bool, len(origins))
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != o {
			return nil, fmt.Errorf("httpkit: the CORS origin %q is not of the form https://host or https://host:port", o)
		}
		set[o] = true
	}
	return set, nil
}

// setCORS lets pages of configured origins read the answer (Fetch standard,
// section 3.2). Credentials mode stays off: tokens travel in a header.
func (rt *Router) setCORS(h http.Header, r *http.Request) {
	if len(rt.cors) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); rt.cors[origin] {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "X-Correlation-ID, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate")
	}
}

func (rt *Router) isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && rt.cors[r.Header.Get("Origin")] && r.Header.Get("Access-Control-Request-Method") != ""
}

func writePreflight(h http.Header, methods string) {
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Correlation-ID, traceparent, tracestate")
	h.Set("Access-Control-Max-Age", "600")
}
