package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"authserve/ports"
)

// Snapshots copies an SQLite database into files. It needs no open Store.
//
// A copy is made by VACUUM INTO, and not by SQLite's backup interface. Both read in
// one transaction, beside which the writers of a write-ahead log go on. The backup
// interface copies pages: it carries a damaged index and deleted rows along, and when it
// yields between steps it begins anew after every write of another process, so
// that under load it need not end. VACUUM INTO writes every row and index anew, and
// ends with its context.
type Snapshots struct{ engine engine }

var _ ports.Snapshots = (*Snapshots)(nil)

// NewSnapshots makes Snapshots of the configured database, and opens nothing yet.
// Errors: a faulty Config.
func NewSnapshots(cfg Config) (*Snapshots, error) {
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	return &Snapshots{engine: e}, nil
}

// CanSnapshot reports whether the database at the URL is one that Snapshots copies.
func CanSnapshot(databaseURL string) bool { return scheme(databaseURL) == "sqlite" }

// file is that of the SQLite database. Errors: ports.ErrUnsupported.
func (s *Snapshots) file() (sqlite, error) {
	switch e := s.engine.(type) {
	case sqlite:
		return e, nil
	case postgresEngine:
		return sqlite{}, ports.ErrUnsupported.Wrap(errors.New("this command is for SQLite: use pg_dump and pg_restore"))
	default:
		return sqlite{}, ports.ErrUnsupported.Wrap(errors.New("this command is for SQLite: use mysqldump (or mariadb-dump) and mysql"))
	}
}

// Create implements ports.Snapshots.
func (s *Snapshots) Create(ctx context.Context, path string) (ports.Snapshot, error) {
	source, err := s.file()
	if err != nil {
		return ports.Snapshot{}, err
	}
	if _, err := os.Lstat(path); err == nil {
		return ports.Snapshot{}, ports.ErrSnapshotExists.Wrap(&fs.PathError{Op: "create", Path: path, Err: fs.ErrExist})
	}
	sweep(filepath.Dir(path))
	snapshot, err := source.snapshot(ctx, path)
	switch {
	case err == nil:
		return snapshot, nil
	case errors.Is(err, fs.ErrExist):
		return ports.Snapshot{}, ports.ErrSnapshotExists.Wrap(err)
	default:
		return ports.Snapshot{}, ports.ErrSnapshotFailed.Wrap(ended(ctx, err))
	}
}

// snapshot makes the file under a name of its own, and gives it its name when nothing
// about it can fail any more.
func (s sqlite) snapshot(ctx context.Context, path string) (snapshot ports.Snapshot, err error) {
	if _, err := os.Stat(s.file); err != nil {
		return snapshot, err // opened for reading only, SQLite would say less
	}
	partial, err := createPartial(path)
	if err != nil {
		return snapshot, err
	}
	defer func() { err = errors.Join(err, partial.discard()) }()
	if err := s.vacuumInto(ctx, partial.Name()); err != nil {
		return snapshot, fmt.Errorf("copying %s to %s: %w", s.file, filepath.Dir(path), err)
	}
	if snapshot, err = verify(ctx, partial.Name()); err != nil {
		return snapshot, fmt.Errorf("the copy of %s is faulty: %w", s.file, err)
	}
	return snapshot, partial.publish(path)
}

func (s sqlite) vacuumInto(ctx context.Context, target string) (err error) {
	db := sql.OpenDB(newConnector(s.dsn(s.busyTimeout, url.Values{"mode": {"ro"}})))
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", target)
	return err
}

// Verify implements ports.Snapshots.
func (s *Snapshots) Verify(ctx context.Context, path string) (ports.Snapshot, error) {
	if _, err := s.file(); err != nil {
		return ports.Snapshot{}, err
	}
	snapshot, err := verify(ctx, path)
	if err != nil {
		return ports.Snapshot{}, ports.ErrSnapshotUnusable.Wrap(ended(ctx, err))
	}
	return snapshot, nil
}

// List implements ports.Snapshots.
func (s *Snapshots) List(_ context.Context, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, ports.ErrSnapshotFailed.Wrap(err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Remove implements ports.Snapshots.
func (s *Snapshots) Remove(_ context.Context, path string) error {
	if err := os.Remove(path); err != nil {
		return ports.ErrSnapshotFailed.Wrap(err)
	}
	return nil
}

// ended puts the end of ctx before what it looks like.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// partialSuffix is that of files that are not complete.
const partialSuffix = ".authserve-partial"

// partialFile is a file that is being written. Its lock tells that somebody does.
type partialFile struct{ *os.File }

// createPartial makes an empty file in the directory of path, readable by its owner.
func createPartial(path string) (partialFile, error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+partialSuffix)
		if err != nil {
			return partialFile{}, err
		}
		// Somebody may have swept it before it was locked.
		if tryLock(f) {
			if _, err := os.Lstat(f.Name()); err == nil {
				return partialFile{f}, nil
			}
		}
		_ = f.Close()
	}
}

func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// publish brings the file to the disk and gives it the name path, which nobody may
// have. Errors: fs.ErrExist.
func (f partialFile) publish(path string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	// Unlike a renaming, a link overwrites nothing. Some file systems have none.
	err := os.Link(f.Name(), path)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported) {
		if _, taken := os.Lstat(path); taken == nil {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// discard removes the file under its first name, and what SQLite left beside it.
func (f partialFile) discard() error {
	for _, suffix := range append([]string{".migrate.lock"}, besides...) {
		_ = os.Remove(f.Name() + suffix)
	}
	err := os.Remove(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // renamed
	}
	return errors.Join(err, f.Close())
}

// besides are the files that SQLite has beside a database.
var besides = []string{"-wal", "-shm", "-journal"} //nolint:gochecknoglobals // a constant

// sweep removes what killed processes did not complete in dir. What it cannot remove
// is in nobody's way.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, ".*"+partialSuffix))
	for _, path := range left {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0) //nolint:gosec // in the operator's directory
		if err != nil {
			continue
		}
		if tryLock(f) {
			_ = partialFile{f}.discard()
			continue
		}
		_ = f.Close()
	}
}

// syncDir makes the names in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator's directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
