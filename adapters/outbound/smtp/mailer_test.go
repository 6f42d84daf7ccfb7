package smtp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

const good = user + ":" + password

// checkFailure fails the test unless err is of the kind and holds no address and
// no secret, though the servers here quote both.
func checkFailure(t *testing.T, err error, kind domain.Kind, mention string) {
	t.Helper()
	if err == nil {
		t.Fatal("Send: got no error")
	}
	if got := domain.KindOf(err); got != kind {
		t.Errorf("Send: got %v of kind %d, want kind %d", err, got, kind)
	}
	if !strings.Contains(err.Error(), mention) {
		t.Errorf("Send: got %q, want it to mention %q", err, mention)
	}
	for _, private := range []string{"@", "User1", "submitter", "S3CRET"} {
		if strings.Contains(err.Error(), private) {
			t.Errorf("Send: got %q, want it without %q", err, private)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scheme, credentials, query string
		server                           *server
		secure                           bool
		user                             string
	}{
		{"STARTTLS and PLAIN", "smtp", good, "", &server{mechanisms: []string{"PLAIN", "LOGIN"}}, true, user},
		{"STARTTLS and LOGIN", "smtp", good, "", &server{mechanisms: []string{"LOGIN"}}, true, user},
		{"STARTTLS without authentication", "smtp", "", "", &server{}, true, ""},
		{"implicit TLS", "smtps", good, "", &server{mechanisms: []string{"PLAIN"}, implicit: true}, true, user},
		{"plain on loopback", "smtp", "", "tls=none", &server{plain: true}, false, ""},
		{"plain on loopback with authentication", "smtp", good, "tls=none", &server{mechanisms: []string{"PLAIN"}, plain: true}, false, user},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, roots := tt.server.start(t)
			m := fake.Letter(1)
			if err := newMailer(t, tt.scheme, tt.credentials, address, tt.query, roots).Send(t.Context(), m); err != nil {
				t.Fatalf("Send: %v", err)
			}
			received := tt.server.all()
			if len(received) != 1 {
				t.Fatalf("received: got %d messages, want 1", len(received))
			}
			got := received[0]
			if got.from != "no-reply@example.net" || got.to != "User1@example.org" {
				t.Errorf("envelope: got %q to %q, want the sender and the recipient with an ASCII domain", got.from, got.to)
			}
			if got.secure != tt.secure || got.user != tt.user {
				t.Errorf("connection: got TLS %t by user %q, want TLS %t by user %q", got.secure, got.user, tt.secure, tt.user)
			}
			if got.greeting != "[127.0.0.1]" {
				t.Errorf("greeting: got %q, want the address literal", got.greeting)
			}
		})
	}
}

func TestAMessageSentAgainKeepsItsMessageID(t *testing.T) {
	t.Parallel()
	s := &server{}
	address, roots := s.start(t)
	mailer := newMailer(t, "smtp", "", address, "", roots)
	for range 2 {
		if err := mailer.Send(t.Context(), fake.Letter(1)); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	if got := s.all(); len(got) != 2 || got[0].data != got[1].data {
		t.Errorf("received: got %+v, want the same message twice", got)
	}
}

func TestRepliesOfTheServer(t *testing.T) {
	t.Parallel()
	reply := func(code int, enhanced gosmtp.EnhancedCode) error {
		return &gosmtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "User1@Example.org S3CRET"}
	}
	rcpt := func(code int, enhanced gosmtp.EnhancedCode) *server {
		return &server{onRcpt: func(*gosmtp.Conn) error { return reply(code, enhanced) }}
	}
	data := func(code int, enhanced gosmtp.EnhancedCode) *server {
		return &server{onData: func(*gosmtp.Conn) error { return reply(code, enhanced) }}
	}
	tests := []struct {
		name    string
		server  *server
		kind    domain.Kind
		mention string
	}{
		{"recipient unknown", rcpt(550, gosmtp.EnhancedCode{5, 1, 1}), domain.KindInvalid, "RCPT: reply 550"},
		{"recipient unknown, no enhanced code", rcpt(553, gosmtp.NoEnhancedCode), domain.KindInvalid, "RCPT: reply 553"},
		{"greylisted", rcpt(451, gosmtp.EnhancedCode{4, 7, 1}), domain.KindUnavailable, "RCPT: reply 451"},
		{"mailbox full", rcpt(452, gosmtp.EnhancedCode{4, 2, 2}), domain.KindUnavailable, "RCPT: reply 452"},
		{"relaying denied", rcpt(554, gosmtp.EnhancedCode{5, 7, 1}), domain.KindUnavailable, "RCPT: reply 554"},
		{"authentication required", rcpt(530, gosmtp.NoEnhancedCode), domain.KindUnavailable, "RCPT: reply 530"},
		{"content refused", data(552, gosmtp.EnhancedCode{5, 3, 4}), domain.KindInvalid, "content: reply 552"},
		{"content refused by policy", data(550, gosmtp.EnhancedCode{5, 7, 1}), domain.KindUnavailable, "content: reply 550"},
		{"server in trouble", data(451, gosmtp.EnhancedCode{4, 3, 0}), domain.KindUnavailable, "content: reply 451"},
		{"sender refused", &server{onMail: func() error { return reply(550, gosmtp.EnhancedCode{5, 1, 8}) }}, domain.KindUnavailable, "MAIL: reply 550"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, roots := tt.server.start(t)
			err := newMailer(t, "smtp", "", address, "", roots).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, tt.kind, tt.mention)
		})
	}
}

func TestConnectionsThatMustNotBeUsed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scheme, credentials, mention string
		server                             *server
		strangers                          bool // the certificate is of an unknown authority
	}{
		{"no STARTTLS offered", "smtp", good, "no STARTTLS", &server{plain: true, mechanisms: []string{"PLAIN"}}, false},
		{"STARTTLS of a stranger", "smtp", good, "STARTTLS: tls:", &server{mechanisms: []string{"PLAIN"}}, true},
		{"implicit TLS of a stranger", "smtps", good, "TLS handshake: tls:", &server{mechanisms: []string{"PLAIN"}, implicit: true}, true},
		{"wrong password", "smtp", user + ":wrong-S3CRET", "AUTH: reply 535", &server{mechanisms: []string{"PLAIN"}}, false},
		{"wrong password by LOGIN", "smtp", user + ":wrong-S3CRET", "AUTH: reply 535", &server{mechanisms: []string{"LOGIN"}}, false},
		{"no known mechanism", "smtp", good, "neither AUTH PLAIN nor AUTH LOGIN", &server{mechanisms: []string{"XOAUTH2"}}, false},
		{"no AUTH at all", "smtp", good, "neither AUTH PLAIN nor AUTH LOGIN", &server{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, roots := tt.server.start(t)
			if tt.strangers {
				roots = nil
			}
			err := newMailer(t, tt.scheme, tt.credentials, address, "", roots).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, domain.KindUnavailable, tt.mention)
			if got := tt.server.all(); len(got) != 0 {
				t.Errorf("received: got %v, want nothing", got)
			}
		})
	}
}

func TestServersThatDoNotWork(t *testing.T) {
	t.Parallel()
	dead := listen(t)
	if err := dead.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	dying := &server{onData: func(c *gosmtp.Conn) error { return c.Conn().Close() }}
	dyingAddress, roots := dying.start(t)
	tests := []struct{ name, address, query, mention string }{
		{"nobody listens", dead.Addr().String(), "", "connect"},
		{"dies in the middle of the transaction", dyingAddress, "", "content"},
		{"hangs up at once", script(t, func(net.Conn) {}), "tls=none", "greeting"},
		{"sends no reply codes", script(t, func(c net.Conn) { _, _ = io.WriteString(c, "User1@Example.org\r\n") }), "tls=none", "greeting: unexpected reply"},
		{"is full", script(t, func(c net.Conn) { _, _ = io.WriteString(c, "421 User1@Example.org\r\n") }), "tls=none", "greeting: reply 421"},
		{"knows no EHLO", script(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "220 hello\r\n500 User1@Example.org\r\n500 again\r\n")
			_, _ = io.Copy(io.Discard, c)
		}), "tls=none", "EHLO: reply 500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := newMailer(t, "smtp", "", tt.address, tt.query, roots).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, domain.KindUnavailable, tt.mention)
		})
	}
}

func TestAnAcceptedMessageIsSentHoweverTheServerLeaves(t *testing.T) {
	t.Parallel()
	address := script(t, func(c net.Conn) {
		lines := bufio.NewScanner(c)
		_, _ = io.WriteString(c, "220 hello\r\n")
		for inData := false; lines.Scan(); {
			switch line := lines.Text(); {
			case inData && line != ".":
			case line == "DATA":
				inData = true
				_, _ = io.WriteString(c, "354 go on\r\n")
			case line == ".":
				_, _ = io.WriteString(c, "250 accepted\r\n")
				return // without awaiting QUIT
			default:
				_, _ = io.WriteString(c, "250 fine\r\n")
			}
		}
	})
	if err := newMailer(t, "smtp", "", address, "tls=none", nil).Send(t.Context(), fake.Letter(1)); err != nil {
		t.Errorf("Send: got %v, want success: the message was accepted", err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{false, true} {
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		ctx, cancel := context.WithCancel(t.Context())
		s := &server{implicit: implicit, onRcpt: func(*gosmtp.Conn) error {
			cancel()
			<-release
			return nil
		}}
		address, roots := s.start(t)
		scheme := "smtp"
		if implicit {
			scheme = "smtps"
		}
		err := newMailer(t, scheme, "", address, "", roots).Send(ctx, fake.Letter(1))
		checkFailure(t, err, domain.KindUnavailable, "RCPT")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Send over %s: got %v, want %v", scheme, err, context.Canceled)
		}
	}
}

func TestSendGivesUpAfterItsTimeout(t *testing.T) {
	t.Parallel()
	tests := map[string]string{"smtp": "greeting", "smtps": "TLS handshake"}
	for scheme, mention := range tests {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			silent := script(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
			err := newMailer(t, scheme, "", silent, "", nil, withTimeout(20*time.Millisecond)).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, domain.KindUnavailable, mention)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("Send: got %v, want %v for %v", err, ports.ErrUnavailable, context.DeadlineExceeded)
			}
		})
	}
}
