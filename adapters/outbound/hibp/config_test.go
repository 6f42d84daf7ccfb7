package hibp_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"authserve/adapters/outbound/hibp"
	"authserve/core/domain"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		versions uint16 // highest that the server speaks; 0: all
		trusted  bool
		want     bool
	}{
		"a known authority":    {0, true, true},
		"TLS 1.2":              {tls.VersionTLS12, true, true},
		"TLS 1.1":              {tls.VersionTLS11, true, false},
		"an unknown authority": {0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 1 {
					t.Errorf("got %s, want HTTP/1.1", r.Proto)
				}
				_, _ = io.WriteString(w, suffix+":1")
			}))
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: c.versions}
			s.EnableHTTP2 = true
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			defer s.Close()
			roots := x509.NewCertPool()
			if c.trusted {
				roots.AddCert(s.Certificate())
			}
			client, err := hibp.New(hibp.Config{URL: s.URL, Roots: roots})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			defer client.Close()
			found, err := client.Contains(t.Context(), domain.PresentedPassword(breached))
			if !c.want {
				wantUnavailable(t, found, err)
			} else if !found || err != nil {
				t.Errorf("Contains: got %t, %v; want true", found, err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for url, legal := range map[string]bool{
		"https://api.pwnedpasswords.com":     true,
		"https://mirror.example:8443/hibp/":  true,
		"http://127.0.0.1:8080":              true,
		"http://[::1]:8080":                  true,
		"http://localhost/hibp":              true,
		"HTTP://LOCALHOST":                   true,
		"":                                   false,
		"api.pwnedpasswords.com":             false,
		"http://api.pwnedpasswords.com":      false,
		"http://localhost.example":           false,
		"http://127.0.0.1.example":           false,
		"http://0.0.0.0":                     false,
		"ftp://localhost":                    false,
		"https:///range":                     false,
		"https:api.pwnedpasswords.com":       false,
		"https://user:secret-text@mirror":    false,
		"https://mirror.example?mode=ntlm":   false,
		"https://mirror.example?":            false,
		"https://mirror.example/#fragment":   false,
		"https://mirror.example:secret-text": false,
		"https://%zz":                        false,
	} {
		client, err := hibp.New(hibp.Config{URL: url})
		if (err == nil) != legal {
			t.Errorf("New(%q): got %v, want legal %t", url, err, legal)
		}
		if err != nil && strings.Contains(err.Error(), "secret-text") {
			t.Errorf("New(%q): got %q, want it without the URL", url, err)
		}
		if err == nil && client.UsesProxies() {
			t.Errorf("New(%q): the environment decides who sees the requests", url)
		}
	}
}
