package bootstrap

import (
	"context"
	"io"

	"go.uber.org/fx"

	"authserve/adapters/inbound/cli"
	"authserve/ports"
)

// exportAll works beside a running service.
func (p program) exportAll(ctx context.Context, c cli.Config, w io.Writer, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	if err := requireDatabase(cfg); err != nil {
		return nil, err
	}
	return p.transfer(ctx, cfg, MigrateCheck, func(t ports.Transferer) (ports.TransferReport, error) {
		return t.Export(ctx, w, progress)
	})
}

// importAll takes the data directory for itself: a service that starts meanwhile would
// write its first keys.
func (p program) importAll(ctx context.Context, c cli.Config, r io.Reader, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	return alone(c, func(cfg Config) (ports.TransferReport, error) {
		return p.transfer(ctx, cfg, MigrateAuto, func(t ports.Transferer) (ports.TransferReport, error) {
			return t.Import(ctx, r, progress)
		})
	})
}

// transfer runs fn on the configured store, whose schema is what mode says.
func (p program) transfer(ctx context.Context, cfg Config, mode MigrateMode, fn func(ports.Transferer) (ports.TransferReport, error)) (report ports.TransferReport, err error) {
	err = p.withDatabase(ctx, cfg, mode, fx.Options(), func(db database) error {
		t, ok := db.Store.(ports.Transferer)
		if !ok {
			return ports.ErrUnsupported
		}
		report, err = fn(t)
		return err
	})
	return report, err
}
