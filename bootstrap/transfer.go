package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.uber.org/fx"

	"authserve/adapters/inbound/cli"
	"authserve/ports"
)

// exportAll works beside a running service.
func exportAll(ctx context.Context, c cli.Config, w io.Writer, progress func(ports.TransferReport)) (ports.TransferReport, error) {
	return transfer(ctx, c, MigrateCheck, func(t ports.Transferer) (ports.TransferReport, error) {
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
	dir, err := openDataDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	release, err := dir.lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return transfer(ctx, c, MigrateAuto, func(t ports.Transferer) (ports.TransferReport, error) {
		return t.Import(ctx, r, progress)
	})
}

func transfer(ctx context.Context, c cli.Config, mode MigrateMode, fn func(ports.Transferer) (ports.TransferReport, error)) (report ports.TransferReport, err error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	var db database
	opened := &closers{}
	if err := build(options{config: &cfg, ctx: ctx, logWriter: discard{}}, opened, fx.Populate(&db)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	if err := db.migrate(ctx, mode); err != nil {
		return nil, fmt.Errorf("database schema: %w", err)
	}
	t, ok := db.Store.(ports.Transferer)
	if !ok {
		return nil, ports.ErrUnsupported
	}
	return fn(t)
}
