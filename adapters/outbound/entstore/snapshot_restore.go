package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"authserve/core/domain"
	"authserve/ports"
)

// RestoreOptions say how to restore, and what the audit event of it is made with.
type RestoreOptions struct {
	ports.RestoreOptions
	Clock ports.Clock
	IDs   ports.IDs
}

// Restore makes the snapshot at path the database of cfg. All work is done on a
// copy beside it: verified, brought to the newest schema, and told apart from a
// database that only went on by an audit event. Then the copy takes the database's
// name in one step: whenever the process ends, one of the two is there, whole.
//
// The caller makes sure that no service starts meanwhile. Errors: those of ports for
// restoring, and ports.ErrUnsupported.
func Restore(ctx context.Context, cfg Config, path string, o RestoreOptions) (restored ports.Restored, err error) {
	snapshots, err := NewSnapshots(cfg)
	if err != nil {
		return ports.Restored{}, err
	}
	target, err := snapshots.file()
	if err != nil {
		return ports.Restored{}, err
	}
	if _, err := snapshots.Verify(ctx, path); err != nil {
		return ports.Restored{}, err
	}
	named := target
	if target.file, err = followed(named.file); err != nil {
		return ports.Restored{}, ports.ErrRestoreFailed.Wrap(err)
	}
	// Before the work; takeAside looks again.
	if there := filesOf(target.file); len(there) > 0 && !o.Replace {
		return ports.Restored{}, ports.ErrDatabaseExists.Wrap(&fs.PathError{Op: "restore", Path: there[0], Err: fs.ErrExist})
	}
	restored, err = target.restore(ctx, named.lockFile(), path, o)
	restored.Database = named.file
	if err == nil || errors.Is(err, ports.ErrSnapshotUnusable) || errors.Is(err, ports.ErrDatabaseExists) || errors.Is(err, ports.ErrDatabaseInUse) {
		return restored, err
	}
	return ports.Restored{}, ports.ErrRestoreFailed.Wrap(ended(ctx, err))
}

// followed is the file behind path, which may be a link, also to a file that is not
// there yet: SQLite's files lie beside that one, and a link is no database to replace.
func followed(path string) (string, error) {
	file, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	target, err := os.Readlink(path)
	if err != nil {
		return path, nil //nolint:nilerr // nothing is there
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	return followed(target)
}

// restore restores into the file of s. lock is the file that those lock who open it.
func (s sqlite) restore(ctx context.Context, lock, path string, o RestoreOptions) (restored ports.Restored, err error) {
	if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
		return restored, err
	}
	unlock, err := s.takeFile(ctx, lock) // nobody opens or migrates it meanwhile
	if err != nil {
		return restored, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := s.settle(ctx); err != nil {
		return restored, err
	}
	partial, err := createPartial(s.file)
	if err != nil {
		return restored, err
	}
	defer func() { err = errors.Join(err, partial.discard()) }()
	if err := partial.fill(path); err != nil {
		return restored, err
	}
	// What was copied counts, not what was verified before.
	if restored.Snapshot, err = verify(ctx, partial.Name()); err != nil {
		return restored, ports.ErrSnapshotUnusable.Wrap(err)
	}
	if err := prepare(ctx, partial.Name(), o, &restored); err != nil {
		return restored, err
	}
	if len(restored.Migrated) > 0 { // only now its schema can be told
		if _, err := verify(ctx, partial.Name()); err != nil {
			return restored, ports.ErrSnapshotUnusable.Wrap(err)
		}
	}
	if err := s.handOver(partial, lock); err != nil {
		return restored, err
	}
	if err := partial.Sync(); err != nil {
		return restored, err
	}
	err = s.replace(partial, o, &restored)
	return restored, err
}

// takeFile is lockFile that tells s.waiting when it takes long.
func (s sqlite) takeFile(ctx context.Context, lock string) (unlock func() error, err error) {
	defer tellWaiting(ctx, s.waiting, func(context.Context) (string, error) { return fileHolder(lock) })()
	return lockFile(ctx, lock)
}

// fill copies the file at path.
func (f partialFile) fill(path string) (err error) {
	source, err := os.Open(path) //nolint:gosec // the operator's file
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	_, err = io.Copy(f, source)
	return err
}

// prepare makes the copy a database of this program that knows what it is.
func prepare(ctx context.Context, file string, o RestoreOptions, restored *ports.Restored) (err error) {
	store, err := Open(ctx, Config{URL: (&url.URL{Scheme: "sqlite", Path: file}).String()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if restored.Migrated, err = store.Migrator().Up(ctx); err != nil {
		return err
	}
	now := o.Clock.Now()
	return store.Update(ctx, func(ctx context.Context, t ports.Tx) error {
		restored.SessionsEnded = 0
		if !o.KeepSessions {
			all, ok := t.Sessions().(sessions)
			if !ok {
				return ports.ErrUnsupported // never: it is the Store above
			}
			var err error
			if restored.SessionsEnded, err = all.end(ctx, domain.EndedByRestore, now); err != nil {
				return err
			}
			tokens, ok := t.OneTimeTokens().(oneTimeTokens)
			if !ok {
				return ports.ErrUnsupported // as above
			}
			if _, err = tokens.end(ctx); err != nil {
				return err
			}
		}
		return t.Audit().Append(ctx, domain.NewAuditEvent(o.IDs.New(), domain.ActorFrom(ctx), domain.AuditDatabaseRestored, "", now,
			map[string]string{"sessions_ended": strconv.Itoa(restored.SessionsEnded)}))
	})
}

// handOver makes the copy and the lock those of the database's owner, or of its
// directory's where there is no database: root may restore what another user serves.
func (s sqlite) handOver(partial partialFile, lock string) error {
	there, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		there, err = os.Stat(filepath.Dir(s.file))
	}
	if err != nil {
		return err
	}
	mine, err := partial.Stat()
	if err != nil {
		return err
	}
	from, to := mine.Sys().(*syscall.Stat_t), there.Sys().(*syscall.Stat_t) //nolint:forcetypeassert,errcheck // what Unix has
	if from.Uid == to.Uid || there.IsDir() && to.Uid == 0 {                 // a volume is often root's, and its files those of its user
		return nil
	}
	if err := errors.Join(partial.Chown(int(to.Uid), int(to.Gid)), os.Lchown(lock, int(to.Uid), int(to.Gid))); err != nil {
		return fmt.Errorf("%s belongs to the user %d, who could not open the copy: restore as that user: %w", there.Name(), to.Uid, err)
	}
	return nil
}

// replace gives the copy the name of the database, and keeps the one before.
func (s sqlite) replace(partial partialFile, o RestoreOptions, restored *ports.Restored) error {
	there := filesOf(s.file)
	if len(there) == 0 {
		return partial.publish(s.file)
	}
	if !o.Replace {
		return ports.ErrDatabaseExists.Wrap(&fs.PathError{Op: "restore", Path: there[0], Err: fs.ErrExist})
	}
	release, err := holdLocks(s.file)
	if err != nil {
		return err
	}
	defer release()
	kept := s.file + ".replaced-" + o.Clock.Now().UTC().Format("20060102T150405.000000Z")
	for _, suffix := range besides { // a log beside another database would be taken for its own
		if err := os.Rename(s.file+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := keep(s.file, kept); err != nil {
		return err
	}
	restored.Kept = kept
	if err := os.Rename(partial.Name(), s.file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.file))
}

// keep gives file a second name, so that there always is a database under the first.
func keep(file, kept string) error {
	err := os.Link(file, kept)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported) {
		err = os.Rename(file, kept) // a file system without links
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // only a log was there
	}
	return err
}

// filesOf returns which files of an SQLite database exist.
func filesOf(file string) (there []string) {
	for _, suffix := range append([]string{""}, besides...) {
		if _, err := os.Lstat(file + suffix); err == nil {
			there = append(there, file+suffix)
		}
	}
	return there
}

// settle refuses a database that somebody has open, and folds a log that a killed
// process left into it. A database too damaged for that stays as it is.
func (s sqlite) settle(ctx context.Context) error {
	release, err := holdLocks(s.file)
	if err != nil {
		return err
	}
	release() // before SQLite: the locks of a process are one
	if _, err := os.Stat(s.file + "-wal"); err != nil {
		return nil //nolint:nilerr // nothing to fold
	}
	db := sql.OpenDB(newConnector(s.dsn(busyStep, url.Values{"mode": {"rw"}})))
	_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	_ = db.Close() // the last to close removes the log
	return ctx.Err()
}

// SQLite's locks on a database file, see https://sqlite.org/fileformat2.html
// section 1.3.
const (
	lockBytes  = 0x40000000
	lockLength = 512
)

// holdLocks takes all of SQLite's locks on the file, so that nobody can have it open
// or open it. Where there is no file there is nothing to lock. Errors:
// ports.ErrDatabaseInUse.
func holdLocks(file string) (release func(), err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0) //nolint:gosec // the operator's configuration
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: lockBytes, Len: lockLength}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
			return nil, ports.ErrDatabaseInUse.Wrap(fmt.Errorf("%s: stop every authserve, and whatever else reads it", file))
		}
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}
