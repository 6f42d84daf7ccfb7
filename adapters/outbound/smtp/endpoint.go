package smtp

import (
	"errors"
	"net"
	"net/url"
	"strconv"

	"authserve/core/domain"
)

// security is how a connection is protected.
type security uint8

const (
	startTLS    security = iota // upgrade before anything is said
	implicitTLS                 // from the first byte
	noTLS                       // loopback only
)

// endpoint is a mail system as its URL names it.
type endpoint struct {
	host, port string
	security   security
	user       string // empty: no authentication
	password   domain.Secret
}

// parseURL reads smtp://[user:password@]host[:port][?tls=none] or smtps://….
// Errors never repeat the URL, since it holds a password.
func parseURL(raw domain.Secret) (endpoint, error) {
	u, err := url.Parse(raw.Reveal())
	if err != nil {
		return endpoint{}, errors.New("smtp: the URL cannot be read")
	}
	e := endpoint{host: u.Hostname(), port: u.Port()}
	defaultPort := "587" // RFC 6409 section 3.1
	switch u.Scheme {
	case "smtp":
	case "smtps":
		e.security = implicitTLS
		defaultPort = "465" // RFC 8314 section 3.3
	default:
		return endpoint{}, errors.New("smtp: the URL's scheme must be smtp or smtps")
	}
	if e.host == "" {
		return endpoint{}, errors.New("smtp: the URL names no host")
	}
	if e.port == "" {
		e.port = defaultPort
	}
	if n, err := strconv.ParseUint(e.port, 10, 16); err != nil || n == 0 {
		return endpoint{}, errors.New("smtp: the URL's port must be 1 to 65535")
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return endpoint{}, errors.New("smtp: the URL must end after host and port")
	}
	if u.User != nil {
		password, _ := u.User.Password()
		if u.User.Username() == "" || password == "" {
			return endpoint{}, errors.New("smtp: the URL needs both user and password, or neither")
		}
		e.user, e.password = u.User.Username(), domain.NewSecret(password)
	}
	switch u.RawQuery {
	case "":
	case "tls=none":
		if e.security == implicitTLS {
			return endpoint{}, errors.New("smtp: tls=none contradicts smtps")
		}
		if !isLoopback(e.host) {
			return endpoint{}, errors.New("smtp: tls=none is for loopback hosts only")
		}
		e.security = noTLS
	default:
		return endpoint{}, errors.New("smtp: the only parameter of the URL is tls=none")
	}
	return e, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
