package bootstrap

import (
	"errors"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"authserve/adapters/outbound/entstore"
)

// checkListenAddr accepts host:port with a numeric port; 0 picks one.
func checkListenAddr(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("must be host:port, such as 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("must end in a port from 0 to 65535")
	}
	if strings.ContainsAny(host, " /@") {
		return errors.New("must begin with an IP address or a host name")
	}
	return nil
}

// checkHost accepts a host name or an IP address without port, in lower case, as
// it is compared with Host headers.
func checkHost(s string) error {
	isName := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
	if !isName && net.ParseIP(s) == nil {
		return errors.New("must hold host names in lower case, without port")
	}
	return nil
}

// checkOrigin accepts a serialised origin (RFC 6454 section 6.2) other than null.
func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		s != u.Scheme+"://"+strings.ToLower(u.Host) || strings.Contains(s, "*") {
		return errors.New("must hold origins such as https://app.example.com: scheme and host in lower case, nothing behind, no wildcard")
	}
	return nil
}

// checkIssuer accepts what may be an issuer identifier (RFC 8414 section 2), with
// http as well; what production asks beyond that is checked later.
func checkIssuer(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("must be an absolute http or https URL")
	case u.User != nil || strings.ContainsAny(s, "?#"):
		return errors.New("must have neither user, query nor fragment (RFC 8414 section 2)")
	case strings.HasSuffix(s, "/"):
		return errors.New("must not end with a slash: every client compares it letter by letter")
	}
	return nil
}

// checkLinksBase accepts what a path can be put behind: the same as an issuer.
func checkLinksBase(s string) error {
	if checkIssuer(s) != nil {
		return errors.New("must be an absolute http or https URL without user, query and fragment, and without a slash at its end")
	}
	return nil
}

// checkDatabaseURL accepts the databases of this version.
func checkDatabaseURL(s string) error {
	if err := entstore.CheckURL(s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil {
		return errDatabaseURL
	}
	switch u.Scheme {
	case "sqlite":
		if !strings.HasPrefix(s, "sqlite:///") || len(u.Path) < 2 || strings.ContainsAny(s, "?#") {
			return errors.New("must name a file by its absolute path, such as sqlite:///var/lib/authserve/authserve.db, with nothing behind it")
		}
		return nil
	case "postgres", "postgresql", "mysql":
		if u.Hostname() == "" || len(u.Path) < 2 {
			return errDatabaseURL
		}
		return nil
	default:
		return errDatabaseURL
	}
}

var errDatabaseURL = errors.New("must be a URL such as sqlite:///path, postgres://user:password@host:5432/database or mysql://user:password@host:3306/database")

// checkSMTPURL accepts smtp and smtps with a host.
func checkSMTPURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return errors.New("must be a URL such as smtp://user:password@host:587 or smtps://user:password@host:465")
	}
	return nil
}

// checkMailAddress accepts an address with or without a name (RFC 5322 section 3.4).
func checkMailAddress(s string) error {
	if _, err := mail.ParseAddress(s); err != nil {
		return errors.New("must be a mail address such as Accounts <no-reply@example.com>")
	}
	return nil
}

// checkBreachURL accepts https, and http on this machine.
func checkBreachURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || !isHTTPSOrLoopback(s) || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("must be an https URL such as https://api.pwnedpasswords.com (http for a loopback address), without user, query and fragment")
	}
	return nil
}

// checkContextWord accepts what domain.PasswordPolicy.Context does.
func checkContextWord(s string) error {
	if n := utf8.RuneCountInString(s); n < 3 || n > 64 {
		return errors.New("must hold words of 3 to 64 characters")
	}
	return nil
}
