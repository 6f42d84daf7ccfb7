package bootstrap

import (
	"context"
	"errors"
	"io"

	"go.uber.org/fx"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// exportAll works beside a running service.
func exportAll(ctx context.Context, c cli.Config, w io.Writer, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	url, err := cfg.DatabaseURL()
	if err != nil {
		return nil, err
	}
	absent, err := entstore.Absent(entstore.Config{URL: url.Reveal()})
	if err != nil {
		return nil, err
	}
	if absent {
		return nil, errors.New("there is no database to export: look at database.url and data_dir")
	}
	return transfer(ctx, cfg, MigrateCheck, func(t ports.Transferer) (ports.TransferReport, error) {
		return t.Export(ctx, w, progress)
	})
}

// importAll takes the data directory for itself: a service that starts meanwhile would
// write its first keys.
func importAll(ctx context.Context, c cli.Config, r io.Reader, progress func(ports.TransferReport)) (report ports.TransferReport, err error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	release, err := lockDataDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return transfer(ctx, cfg, MigrateAuto, func(t ports.Transferer) (ports.TransferReport, error) {
		return t.Import(ctx, r, progress)
	})
}

// transfer runs fn on the configured store, whose schema is what mode says.
func transfer(ctx context.Context, cfg Config, mode MigrateMode, fn func(ports.Transferer) (ports.TransferReport, error)) (report ports.TransferReport, err error) {
	err = withDatabase(ctx, cfg, mode, fx.Options(), func(db database) error {
		t, ok := db.Store.(ports.Transferer)
		if !ok {
			return ports.ErrUnsupported
		}
		report, err = fn(t)
		return err
	})
	return report, err
}
