package bootstrap

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/inbound/worker"
	"authserve/adapters/outbound/entstore"
	"authserve/adapters/outbound/system"
	"authserve/core/backup"
	"authserve/ports"
)

// backupLook is how often the service looks whether a snapshot is due.
const backupLook = time.Minute

// backupTask takes snapshots as configured; ok is false when it says none. It works on
// files, for as long as it takes: unlike the calls of a request it has no deadline and
// no circuit.
func backupTask(cfg Config, o options, clock ports.Clock, logger *zap.Logger) (task worker.Task, ok bool, err error) {
	if cfg.Backup.Dir == "" {
		return worker.Task{}, false, nil
	}
	snapshots, err := scheduledSnapshots(cfg, o)
	if err != nil {
		return worker.Task{}, false, err
	}
	backups := backup.New(snapshots, clock, backup.Config{Dir: cfg.Backup.Dir, Interval: cfg.Backup.Interval, Keep: cfg.Backup.Keep})
	return worker.Task{
		Name:  "backup",
		Every: min(backupLook, cfg.Backup.Interval),
		Due:   func() bool { return backups.Due(context.Background()) },
		Run: func(ctx context.Context) error {
			report, err := backups.Run(ctx)
			if report != (backup.Report{}) {
				logger.Info("backup", zap.String("path", report.Path), zap.Int64("bytes", report.Snapshot.Bytes),
					zap.Int64("accounts", report.Snapshot.Accounts), zap.Int("removed", report.Removed))
			}
			return err
		},
	}, true, nil
}

// scheduledSnapshots are those of the store in use. A store of the embedder's own may
// have `Snapshots() ports.Snapshots`.
func scheduledSnapshots(cfg Config, o options) (ports.Snapshots, error) {
	if o.store == nil {
		return snapshotsOf(cfg)
	}
	if s, ok := o.store.(interface{ Snapshots() ports.Snapshots }); ok {
		return s.Snapshots(), nil
	}
	return nil, Faults{cfg.Fault("backup.dir", "the store of this program takes no snapshots")}
}

func snapshotsOf(cfg Config) (ports.Snapshots, error) {
	url, err := cfg.DatabaseURL()
	if err != nil {
		return nil, err
	}
	return entstore.NewSnapshots(entstore.Config{URL: url.Reveal(), BusyTimeout: cfg.Database.BusyTimeout})
}

func createBackup(ctx context.Context, c cli.Config, path string) (ports.Snapshot, error) {
	return onSnapshots(c, func(s ports.Snapshots) (ports.Snapshot, error) { return s.Create(ctx, path) })
}

func verifyBackup(ctx context.Context, c cli.Config, path string) (ports.Snapshot, error) {
	return onSnapshots(c, func(s ports.Snapshots) (ports.Snapshot, error) { return s.Verify(ctx, path) })
}

func onSnapshots(c cli.Config, fn func(ports.Snapshots) (ports.Snapshot, error)) (ports.Snapshot, error) {
	cfg, err := load(c)
	if err != nil {
		return ports.Snapshot{}, err
	}
	snapshots, err := snapshotsOf(cfg)
	if err != nil {
		return ports.Snapshot{}, err
	}
	return fn(snapshots)
}

// restoreBackup takes the data directory for itself, so that no service runs on it
// or starts meanwhile.
func restoreBackup(ctx context.Context, c cli.Config, path string, o cli.RestoreOptions) (restored cli.Restored, err error) {
	cfg, err := load(c)
	if err != nil {
		return cli.Restored{}, err
	}
	entCfg, err := storeConfig(cfg)
	if err != nil {
		return cli.Restored{}, err
	}
	release, err := lockDataDir(cfg.DataDir)
	if err != nil {
		return cli.Restored{}, err
	}
	defer func() { err = errors.Join(err, release()) }()
	done, err := entstore.Restore(asOperator(ctx), entCfg, path, entstore.RestoreOptions{
		Replace: o.Replace, KeepSessions: o.KeepSessions, Clock: system.Clock{}, IDs: system.IDs{},
	})
	return cli.Restored(done), err
}
