package hibp

import "io"

// Search shows search to the external tests.
func Search(r io.Reader, suffix string) (bool, error) { return search(r, suffix) }

// MaxBody shows maxBody to the external tests.
const MaxBody = maxBody

// UsesProxies reports whether something else than the URL can decide where requests
// go to.
func (c *Client) UsesProxies() bool { return c.transport.Proxy != nil }
