package entstore_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/mattn/go-sqlite3"

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

func TestReadersRefuseToWrite(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	_, err := store.Reader().ExecContext(t.Context(), "DELETE FROM accounts")
	var fault sqlite3.Error
	if !errors.As(err, &fault) || fault.Code != sqlite3.ErrReadonly {
		t.Errorf("a write on the readers = %v, want %v", err, sqlite3.ErrReadonly)
	}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	for _, synchronous := range []string{"", "NORMAL"} {
		cfg := config(t)
		cfg.Synchronous = synchronous
		store := open(t, cfg)
		want := map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2"}
		if synchronous == "NORMAL" {
			want["synchronous"] = "1"
		}
		for pragma, value := range want {
			var got string
			if err := store.Writer().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != value {
				t.Errorf("synchronous %q: the writer has %s = %s, want %s", synchronous, pragma, got, value)
			}
		}
	}
}
