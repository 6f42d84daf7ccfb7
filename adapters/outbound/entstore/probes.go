package entstore

import (
	"context"
	"fmt"

	"authserve/ports"
)

// Probes answers whether the database can be read and holds no part of an import
// ("database"), and whether its schema has all that this program needs ("schema"). One
// that a newer release has migrated meanwhile serves this one as well, by the rule of
// expanding before contracting; only a start refuses it.
func (s *Store) Probes() []ports.Probe {
	return []ports.Probe{probe{"database", s.checkDatabase}, probe{"schema", s.checkSchema}}
}

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
	if err := s.engine.check(ctx, s.pools.reader); err != nil {
		return unavailable(s.engine, err)
	}
	return s.checkImported(ctx)
}

func (s *Store) checkSchema(ctx context.Context) error {
	newest, err := newestVersion(s.engine.migrations().files)
	if err != nil {
		return err
	}
	var version int64
	err = s.pools.reader.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version)
	if err != nil {
		return s.translate(ctx, err)
	}
	if version < newest {
		return ports.ErrUnavailable.Wrap(fmt.Errorf("the schema is at version %d, this program needs %d", version, newest))
	}
	return nil
}
