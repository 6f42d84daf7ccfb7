package cache

import "authserve/ports"

// Hear lets r hear c.
func Hear(r *Relay, c ports.Changes) { r.hear(c) }
