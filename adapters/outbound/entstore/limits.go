package entstore

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

const (
	defaultConnections      = 16
	maxConnections          = 1000
	defaultStatementTimeout = 10 * time.Second
)

// limits bound the pools of a server's connections.
type limits struct{ readers, writers int }

func newLimits(cfg Config) (limits, error) {
	l := limits{readers: cfg.Readers, writers: cfg.Writers}
	var faults []error
	for name, n := range map[string]*int{"readers": &l.readers, "writers": &l.writers} {
		if *n == 0 {
			*n = defaultConnections
		}
		if *n < 1 || *n > maxConnections {
			faults = append(faults, fmt.Errorf("%s must be 1 to %d, got %d", name, maxConnections, *n))
		}
	}
	return l, errors.Join(faults...)
}

func statementTimeout(cfg Config) time.Duration {
	if cfg.StatementTimeout == 0 {
		return defaultStatementTimeout
	}
	return cfg.StatementTimeout
}

// scheme is that of the URL; empty where it has none.
func scheme(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme
}
