package entstore_test

import (
	"path/filepath"
	"testing"

	"authserve/adapters/outbound/entstore"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, want string }{
		{"sqlite:///var/lib/authserve/auth.db", "/var/lib/authserve/auth.db"},
		{"sqlite:data/auth.db", "data/auth.db"},
		{"sqlite:./data/../auth.db", "auth.db"},
		{"sqlite:///with%20space/a%3Fb.db", "/with space/a?b.db"},
		{"sqlite:with%20space.db", "with space.db"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			got, err := entstore.ParseURL(tt.url)
			if err != nil || got != tt.want {
				t.Errorf("ParseURL(%q) = %q, %v, want %q", tt.url, got, err, tt.want)
			}
		})
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"", "sqlite:", "sqlite://", "sqlite:///a", "sqlite:a", "sqlite:%zz", "sqlite://h/a", "sqlite:///a?b=c",
		"sqlite:///a#b", "postgres://u:p@h/db", "sqlite:///..", "sqlite:///%00", "SQLITE:///a", "sqlite:?a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		path, err := entstore.ParseURL(url)
		if err != nil {
			if path != "" {
				t.Errorf("ParseURL(%q) = %q beside an error", url, path)
			}
			return
		}
		if path == "" || path == "/" || path != filepath.Clean(path) {
			t.Errorf("ParseURL(%q) = %q, want a clean path of a file", url, path)
		}
	})
}
