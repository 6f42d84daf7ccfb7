package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"authserve/core/domain"
	"authserve/ports"
)

// Config names the mail system and the sender.
type Config struct {
	// URL is smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465.
	// User and password, percent-encoded, may be left out together, as may the
	// port. On a loopback host smtp://host:port?tls=none does without encryption.
	URL domain.Secret
	// From is the sender: an address, or a name with one in angle brackets. Its
	// domain is the domain of every Message-ID.
	From string
	// Timeout bounds the sending of one message, from connecting to leaving.
	Timeout time.Duration
	// Roots are the authorities for the server's certificate; nil: the system's.
	Roots *x509.CertPool
}

// Mailer sends by SMTP. Safe for concurrent use.
type Mailer struct {
	endpoint endpoint
	from     mail.Address // its address is ASCII
	domain   string
	timeout  time.Duration
	tls      *tls.Config
}

var _ ports.Mailer = (*Mailer)(nil)

// New makes a Mailer and connects to nothing yet.
func New(cfg Config) (*Mailer, error) {
	target, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		return nil, errors.New("smtp: the sender is no address")
	}
	if from.Address, err = asciiAddress(from.Address); err != nil {
		return nil, errors.New("smtp: the sender is no address")
	}
	if cfg.Timeout <= 0 {
		return nil, errors.New("smtp: the timeout must be positive")
	}
	_, host, _ := strings.Cut(from.Address, "@")
	return &Mailer{
		endpoint: target, from: *from, domain: host, timeout: cfg.Timeout,
		tls: &tls.Config{ServerName: target.host, RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
	}, nil
}

// Send implements ports.Mailer. A permanent refusal of the recipient or of the
// message is KindInvalid; every other failure, of the sender or of the
// authentication too, is ErrUnavailable.
func (s *Mailer) Send(ctx context.Context, words domain.Letter) error {
	l, err := s.compose(words)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.endpoint.host, s.endpoint.port))
	if err != nil {
		return failed(ctx, "connect", err)
	}
	defer func() { _ = conn.Close() }() // closed twice where the context or QUIT came first
	// The protocol client knows no contexts: closing the connection wakes it.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	client, err := s.open(ctx, conn)
	if err != nil {
		return err
	}
	if err := s.transfer(ctx, client, l); err != nil {
		return err
	}
	_ = client.Quit() // the message is accepted; no farewell can change that
	return nil
}

// open greets, secures and authenticates.
func (s *Mailer) open(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	name := addressLiteral(conn.LocalAddr())
	conn = &boundedConn{Conn: conn, left: maxReplies}
	if s.endpoint.security == implicitTLS {
		secured := tls.Client(conn, s.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, failed(ctx, "TLS handshake", err)
		}
		conn = secured
	}
	client, err := smtp.NewClient(conn, s.endpoint.host)
	if err != nil {
		return nil, failed(ctx, "greeting", err)
	}
	client.SkipSMTPUTF8(true) // addresses and headers are ASCII
	if err := client.Hello(name); err != nil {
		return nil, failed(ctx, "EHLO", err)
	}
	if s.endpoint.security == startTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, ports.ErrUnavailable.Wrap(errors.New("smtp: the server offers no STARTTLS"))
		}
		if err := client.StartTLS(s.tls); err != nil {
			return nil, failed(ctx, "STARTTLS", err)
		}
	}
	if s.endpoint.user == "" {
		return client, nil
	}
	_, offered := client.Extension("AUTH")
	mechanism := s.mechanism(strings.Fields(offered))
	if mechanism == nil {
		return nil, ports.ErrUnavailable.Wrap(errors.New("smtp: the server offers neither AUTH PLAIN nor AUTH LOGIN"))
	}
	if err := client.Auth(mechanism); err != nil {
		return nil, failed(ctx, "AUTH", err)
	}
	return client, nil
}

// mechanism picks one of the offered ones. Both show the password to the server,
// and are used inside TLS or on the loopback interface only.
func (s *Mailer) mechanism(offered []string) smtp.Auth {
	e := s.endpoint
	switch {
	case slices.Contains(offered, "PLAIN"):
		return smtp.PlainAuth("", e.user, e.password.Reveal(), e.host, e.security == noTLS)
	case slices.Contains(offered, "LOGIN"):
		return smtp.LoginAuth(e.user, e.password.Reveal(), e.host, e.security == noTLS)
	default:
		return nil
	}
}

// transfer runs one mail transaction (RFC 5321 section 3.3).
func (s *Mailer) transfer(ctx context.Context, client *smtp.Client, l envelope) error {
	if err := client.Mail("<" + s.from.Address + ">"); err != nil {
		return failed(ctx, "MAIL", err)
	}
	if err := client.Rcpt("<" + l.to + ">"); err != nil {
		return refusedOrFailed(ctx, "RCPT", err)
	}
	data, err := client.Data()
	if err != nil {
		return failed(ctx, "DATA", err)
	}
	if _, err := data.Write(l.data); err != nil {
		return failed(ctx, "content", err)
	}
	if err := data.Close(); err != nil {
		return refusedOrFailed(ctx, "content", err)
	}
	return nil
}

// addressLiteral is how a client without a name of its own introduces itself
// (RFC 5321 section 4.1.3).
func addressLiteral(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case tcp.IP.To4() != nil:
		return "[" + tcp.IP.To4().String() + "]"
	default:
		return "[IPv6:" + tcp.IP.String() + "]"
	}
}
