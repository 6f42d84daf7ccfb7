package smtp_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"authserve/adapters/outbound/smtp"
	"authserve/core/domain"
)

const (
	user     = "submitter@example.net"
	password = "p@ss/w:rd-S3CRET"
)

// server is a mail system in this process. Its fields are set before start.
type server struct {
	mechanisms []string // of AUTH; none: not offered
	plain      bool     // offers neither STARTTLS nor TLS
	implicit   bool     // TLS from the first byte
	onMail     func() error
	onRcpt     func(c *gosmtp.Conn) error
	onData     func(c *gosmtp.Conn) error

	mu       sync.Mutex
	received []delivery
}

// delivery is one message as the server got it.
type delivery struct {
	from, to, data, greeting string
	secure                   bool
	user                     string
}

func (s *server) all() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.received...)
}

// NewSession implements gosmtp.Backend.
func (s *server) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

type session struct {
	server *server
	conn   *gosmtp.Conn
	delivery
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string { return s.server.mechanisms }

func (s *session) Auth(mech string) (sasl.Server, error) {
	check := func(name, secret string) error {
		if name != user || secret != password {
			return &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "no " + name + " with " + secret}
		}
		s.user = name
		return nil
	}
	if mech == sasl.Login {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, name, secret string) error { return check(name, secret) }), nil
}

// login is the server's side of AUTH LOGIN.
type login struct {
	check func(name, secret string) error
	name  *string
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.name == nil:
		name := string(response)
		l.name = &name
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(*l.name, string(response))
	}
}

func (s *session) Mail(from string, _ *gosmtp.MailOptions) error {
	s.from, s.greeting = from, s.conn.Hostname()
	_, s.secure = s.conn.TLSConnectionState()
	if s.server.onMail != nil {
		return s.server.onMail()
	}
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.to = to
	if s.server.onRcpt != nil {
		return s.server.onRcpt(s.conn)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.data = string(data)
	s.server.mu.Lock()
	s.server.received = append(s.server.received, s.delivery)
	s.server.mu.Unlock()
	if s.server.onData != nil {
		return s.server.onData(s.conn)
	}
	return nil
}

// start serves on a free port of the loopback interface until the test ends, and
// returns the address and the authority of its certificate.
func (s *server) start(t *testing.T) (address string, roots *x509.CertPool) {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // for its certificate
	certified.Close()
	roots = x509.NewCertPool()
	roots.AddCert(certified.Certificate())

	srv := gosmtp.NewServer(s)
	srv.Domain = "mx.example.net"
	srv.AllowInsecureAuth = true
	srv.ErrorLog = log.New(io.Discard, "", 0)
	if !s.plain {
		srv.TLSConfig = &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	}
	listener := listen(t)
	address = listener.Addr().String()
	if s.implicit {
		listener = tls.NewListener(listener, srv.TLSConfig)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return address, roots
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// script listens, and has one connection talked to by fn.
func script(t *testing.T, fn func(net.Conn)) (address string) {
	t.Helper()
	listener := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		fn(conn)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

type option func(*smtp.Config)

func withTimeout(d time.Duration) option { return func(c *smtp.Config) { c.Timeout = d } }
func withFrom(from string) option        { return func(c *smtp.Config) { c.From = from } }

// newMailer makes a mailer for address; credentials are "user:password" or empty.
func newMailer(t *testing.T, scheme, credentials, address, query string, roots *x509.CertPool, options ...option) *smtp.Mailer {
	t.Helper()
	u := url.URL{Scheme: scheme, Host: address, RawQuery: query}
	if name, secret, found := strings.Cut(credentials, ":"); found {
		u.User = url.UserPassword(name, secret)
	}
	cfg := smtp.Config{URL: domain.NewSecret(u.String()), From: "Example <no-reply@example.net>", Timeout: 30 * time.Second, Roots: roots}
	for _, o := range options {
		o(&cfg)
	}
	m, err := smtp.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return m
}
