package entstore

import (
	"context"
	"errors"
	"fmt"
	"os"

	"authserve/ports"
)

// Probes answers whether the database can be read ("database") and whether its
// schema is the newest this program knows ("schema").
func (s *Store) Probes() []ports.Probe {
	return []ports.Probe{probe{"database", s.checkDatabase}, probe{"schema", s.checkSchema}}
}

var errReplaced = errors.New("the database file was removed or replaced while the service runs: restart it")

type probe struct {
	name  string
	check func(ctx context.Context) error
}

var _ ports.Probe = probe{}

// Name implements ports.Probe.
func (p probe) Name() string { return p.name }

// Check implements ports.Probe.
func (p probe) Check(ctx context.Context) error { return p.check(ctx) }

func (s *Store) checkDatabase(ctx context.Context) error {
	if file, err := os.Stat(s.settings.file); err != nil || !os.SameFile(file, s.file) {
		return ports.ErrUnavailable.Wrap(errors.Join(errReplaced, err))
	}
	var tables int
	return translate(ctx, s.reader.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables))
}

func (s *Store) checkSchema(ctx context.Context) error {
	newest, err := newestVersion()
	if err != nil {
		return err
	}
	var version int64
	err = s.reader.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version)
	if err != nil {
		return translate(ctx, err)
	}
	if version != newest {
		return ports.ErrUnavailable.Wrap(fmt.Errorf("the schema is at version %d, this program needs %d", version, newest))
	}
	return nil
}
