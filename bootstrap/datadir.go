package bootstrap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"authserve/adapters/inbound/cli"
)

// dataDir is the directory of everything that one service keeps on disk. Its lock
// makes sure that one service at a time serves from it, and none while a command
// replaces what it serves; the other commands work beside a running service.
type dataDir struct{ path string }

const (
	lockFile = "authserve.lock"
	keyFile  = "master.key"
)

// openDataDir makes the directory, readable by its owner alone.
func openDataDir(path string) (dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return dataDir{}, fmt.Errorf("data directory: %w", err)
	}
	return dataDir{path: path}, nil
}

// alone runs fn while this process has the data directory for itself: no service runs on
// it or starts meanwhile.
func alone[R any](c cli.Config, fn func(Config) (R, error)) (result R, err error) {
	cfg, err := load(c)
	if err != nil {
		return result, err
	}
	release, err := lockDataDir(cfg.DataDir)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return fn(cfg)
}

func (d dataDir) masterKey() string { return filepath.Join(d.path, keyFile) }

// lockDataDir makes the directory, takes it for this process alone, and returns what
// gives it back. The kernel gives it back too when the process dies, however it dies.
func lockDataDir(path string) (release func() error, err error) {
	dir, err := openDataDir(path)
	if err != nil {
		return nil, err
	}
	lock := filepath.Join(dir.path, lockFile)
	f, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	dir.own(f)
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		owner, _ := os.ReadFile(lock) //nolint:gosec // as above
		_ = f.Close()
		return nil, fmt.Errorf("another authserve (process %s) is serving from the data directory %s: stop it, or choose another directory with --data-dir", printable(owner), path)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", lock, err)
	}
	if err := f.Truncate(0); err == nil { // for the reader of the refusal above
		_, _ = fmt.Fprintf(f, "%d", os.Getpid())
	}
	// Closing alone leaves it locked for as long as a child that is just being started
	// has the descriptor too.
	return func() error { return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close()) }, nil
}

// own gives f to the owner of the directory, where root runs what another user serves: as
// root's it would keep that service from starting. A directory of root's is often a volume
// whose files are those of its user. Who may not give f away keeps it.
func (d dataDir) own(f *os.File) {
	info, err := os.Stat(d.path)
	if err != nil || os.Geteuid() != 0 {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
		_ = f.Chown(int(owner.Uid), int(owner.Gid))
	}
}

func printable(pid []byte) string {
	for _, c := range pid {
		if c < '0' || c > '9' {
			return "unknown"
		}
	}
	if len(pid) == 0 || len(pid) > 20 {
		return "unknown"
	}
	return string(pid)
}
