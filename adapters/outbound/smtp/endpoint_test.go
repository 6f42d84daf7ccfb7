package smtp_test

import (
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/smtp"
	"authserve/core/domain"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, url, from string
		timeout         time.Duration
	}{
		{"no URL", "", "a@example.org", time.Second},
		{"unreadable URL", "smtp://user:S3CRET@host:port", "a@example.org", time.Second},
		{"percent rubbish", "smtp://user:S3CRET%zz@host", "a@example.org", time.Second},
		{"another scheme", "https://user:S3CRET@example.org", "a@example.org", time.Second},
		{"no host", "smtp://user:S3CRET@", "a@example.org", time.Second},
		{"port 0", "smtp://user:S3CRET@example.org:0", "a@example.org", time.Second},
		{"port too high", "smtp://user:S3CRET@example.org:65536", "a@example.org", time.Second},
		{"path", "smtp://user:S3CRET@example.org/path", "a@example.org", time.Second},
		{"fragment", "smtp://user:S3CRET@example.org#x", "a@example.org", time.Second},
		{"user without password", "smtp://user@example.org", "a@example.org", time.Second},
		{"password without user", "smtp://:S3CRET@example.org", "a@example.org", time.Second},
		{"unknown parameter", "smtp://user:S3CRET@example.org?verify=none", "a@example.org", time.Second},
		{"more than one parameter", "smtp://user:S3CRET@localhost?tls=none&x=y", "a@example.org", time.Second},
		{"no TLS off the loopback", "smtp://user:S3CRET@example.org?tls=none", "a@example.org", time.Second},
		{"no TLS off the loopback by address", "smtp://user:S3CRET@192.0.2.1?tls=none", "a@example.org", time.Second},
		{"name that only looks like the loopback", "smtp://user:S3CRET@localhost.example.org?tls=none", "a@example.org", time.Second},
		{"no TLS with smtps", "smtps://user:S3CRET@localhost?tls=none", "a@example.org", time.Second},
		{"no sender", "smtp://example.org", "", time.Second},
		{"bad sender", "smtp://example.org", "nobody", time.Second},
		{"two senders", "smtp://example.org", "a@example.org, b@example.org", time.Second},
		{"sender with a header", "smtp://example.org", "a@example.org\r\nBcc: b@example.org", time.Second},
		{"no timeout", "smtp://example.org", "a@example.org", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := smtp.New(smtp.Config{URL: domain.NewSecret(tt.url), From: tt.from, Timeout: tt.timeout})
			if err == nil || strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("New: got %v, want an error without the password", err)
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		"smtp://mail.example.org", "smtp://mail.example.org/", "smtps://mail.example.org:2465", "smtp://us%40er:p%3Ass@mail.example.org:587",
		"smtp://localhost:1025?tls=none", "smtp://127.9.9.9?tls=none", "smtp://[::1]:1025?tls=none", "smtp://user:pass@[2001:db8::1]",
	} {
		if _, err := smtp.New(smtp.Config{URL: domain.NewSecret(u), From: "a@example.org", Timeout: time.Second}); err != nil {
			t.Errorf("New(%s): %v", u, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"smtp://user:PASSWORD@mail.example.org:587", "smtps://mail.example.org", "smtp://[::1]:25?tls=none",
		"smtp://%00:PASSWORD@x", "smtp:opaque", "//host", "smtp://user:PASSWORD@[::1", "smtp://a:PASSWORD@b@c:d?tls=none#e",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := smtp.New(smtp.Config{URL: domain.NewSecret(raw), From: "a@example.org", Timeout: time.Second})
		if (m == nil) == (err == nil) {
			t.Errorf("New: got %v, %v, want either a mailer or an error", m, err)
		}
		if err != nil && strings.Contains(err.Error(), "PASSWORD") {
			t.Errorf("New: got %q, want it without the password", err)
		}
	})
}
