package bootstrap

import (
	"context"
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
	entCfg, err := storeConfig(cfg, nil)
	if err != nil {
		return nil, err
	}
	return entstore.NewSnapshots(entCfg)
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

// restoreBackup makes a snapshot the database, on which no service runs or starts meanwhile.
func (p program) restoreBackup(ctx context.Context, c cli.Config, path string, o ports.RestoreOptions) (ports.Restored, error) {
	return alone(c, func(cfg Config) (ports.Restored, error) {
		entCfg, err := storeConfig(cfg, p.waiting)
		if err != nil {
			return ports.Restored{}, err
		}
		return entstore.Restore(asOperator(ctx), entCfg, path, entstore.RestoreOptions{RestoreOptions: o, Clock: system.Clock{}, IDs: system.IDs{}})
	})
}
