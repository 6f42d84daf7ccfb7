package bootstrap_test

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap"
	"authserve/ports"
)

func TestScheduledBackupsNeedADatabaseThatTakesThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := func(extra ...string) bootstrap.LoadInput {
		return bootstrap.LoadInput{Environ: append([]string{"AUTHSERVE_DATA_DIR=" + t.TempDir(), "AUTHSERVE_BACKUP_DIR=" + dir}, extra...)}
	}
	for _, url := range []string{"postgres://u:hunter2@h/db", "mysql://u:hunter2@h/db"} {
		_, _, err := bootstrap.Load(environ("AUTHSERVE_DATABASE_URL=" + url))
		if err == nil || !strings.Contains(err.Error(), "backup.dir") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want a fault of backup.dir", url, err)
		}
	}
	if _, _, err := bootstrap.Load(environ("AUTHSERVE_DATABASE_URL=sqlite:///tmp/a.db")); err != nil {
		t.Errorf("SQLite: %v", err)
	}

	cfg := load(t, map[string]string{"AUTHSERVE_BACKUP_DIR": dir})
	_, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithStore(memstore.New()), bootstrap.WithLogWriter(io.Discard))
	var faults bootstrap.Faults
	if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Path != "backup.dir" {
		t.Errorf("a store that takes none: %v, want a fault of backup.dir", err)
	}
	app, err := bootstrap.New(bootstrap.WithConfig(cfg), bootstrap.WithStore(snapshotStore{Store: memstore.New()}), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatalf("a store that takes them: %v", err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// snapshotStore is a store of somebody else's that takes snapshots.
type snapshotStore struct{ ports.Store }

// Snapshots is found by the service.
func (snapshotStore) Snapshots() ports.Snapshots { return nil }

func TestAMissingBackupDirectoryOnlyWarns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "absent")
	_, warnings, err := bootstrap.Load(bootstrap.LoadInput{Environ: []string{"AUTHSERVE_DATA_DIR=" + t.TempDir(), "AUTHSERVE_BACKUP_DIR=" + dir}})
	if err != nil || !strings.Contains(strings.Join(warnings, "\n"), "backup.dir") {
		t.Errorf("warnings %q, %v; want one of backup.dir", warnings, err)
	}
}
