package entstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/entstore"
)

func TestOpenRefusesFaultyConfig(t *testing.T) {
	t.Parallel()

	good := "sqlite:///tmp/never.db"
	tests := []struct {
		name string
		cfg  entstore.Config
		want string
	}{
		{"another scheme", entstore.Config{URL: "oracle://u:hunter2@h/db"}, "sqlite:///path"},
		{"PostgreSQL without host", entstore.Config{URL: "postgres:///hunter2"}, "postgres://user"},
		{"PostgreSQL without database", entstore.Config{URL: "postgres://u:hunter2@h"}, "postgres://user"},
		{"PostgreSQL with a bad parameter", entstore.Config{URL: "postgres://u:hunter2@h/db?sslmode=maybe"}, "parameters"},
		{"MySQL without host", entstore.Config{URL: "mysql:///hunter2"}, "mysql://user"},
		{"MySQL without database", entstore.Config{URL: "mysql://u:hunter2@h/"}, "mysql://user"},
		{"MySQL with another parameter", entstore.Config{URL: "mysql://u:hunter2@h/db?allowAllFiles=true"}, "allowAllFiles"},
		{"MySQL with a bad tls", entstore.Config{URL: "mysql://u:hunter2@h/db?tls=maybe"}, "tls"},
		{"too many writers", entstore.Config{URL: "postgres://u:hunter2@h/db", Writers: 1001}, "writers"},
		{"unparsable", entstore.Config{URL: "sqlite://%zz/hunter2"}, "cannot be parsed"},
		{"no path", entstore.Config{URL: "sqlite://"}, "sqlite:///path"},
		{"a host", entstore.Config{URL: "sqlite://host/path"}, "sqlite:///path"},
		{"parameters", entstore.Config{URL: good + "?mode=memory"}, "sqlite:///path"},
		{"synchronous", entstore.Config{URL: good, Synchronous: "OFF"}, "synchronous"},
		{"too many readers", entstore.Config{URL: good, Readers: 65}, "readers"},
		{"negative readers", entstore.Config{URL: good, Readers: -1}, "readers"},
		{"busy timeout", entstore.Config{URL: good, BusyTimeout: time.Millisecond}, "busy timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, openErr := entstore.Open(t.Context(), tt.cfg)
			_, migratorErr := entstore.NewMigrator(tt.cfg)
			for _, err := range []error{openErr, migratorErr} {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got error %v, want one that mentions %q", err, tt.want)
				} else if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error repeats a secret of the URL: %v", err)
				}
			}
		})
	}
}

func TestOpenReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := entstore.NewMigrator(entstore.Config{URL: "oracle://h/db", Synchronous: "OFF", Readers: -1, BusyTimeout: -1})
	for _, want := range []string{"URL", "synchronous", "readers", "busy timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one that mentions %q", err, want)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	path := file(t, cfg)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if store, err := entstore.Open(t.Context(), cfg); err == nil {
		t.Errorf("Open succeeded on a text file (Close: %v)", store.Close())
	}
}
