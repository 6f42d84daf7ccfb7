package boltstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"authserve/core/domain"
	"authserve/ports"
)

// lockTimeout is how long Open waits for another process that has the file.
const lockTimeout = time.Second

// Store implements ports.Store on one bbolt file.
type Store struct {
	db     *bbolt.DB
	schema *schema
	// writer has one place: whoever writes is in it. bbolt has a lock for this, but
	// waiting for that one does not end with a context.
	writer chan struct{}
}

var _ ports.Store = (*Store)(nil)

// minSize is the least that a file is given, in bytes: bbolt takes 16 MiB at a time.
const minSize = 32 << 20

// Open opens the file, and makes it (mode 0600) where there is none. It belongs to
// one process at a time: another one gets an error after a second.
//
// The file grows to maxSize bytes at most, of which 32 MiB is the least; then updates
// fail with ports.ErrUnavailable. So much address space, not memory, is mapped at
// once, because bbolt waits for all readers before it maps more, and that waiting
// would end with no context.
func Open(path string, maxSize int) (*Store, error) {
	if maxSize < minSize {
		return nil, fmt.Errorf("open %s: %d bytes are too few, the least is %d", path, maxSize, minSize)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, MaxSize: maxSize, InitialMmapSize: maxSize})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s := &Store{db: db, schema: newSchema(), writer: make(chan struct{}, 1)}
	err = db.Update(func(bolt *bbolt.Tx) error {
		for _, name := range s.schema.buckets() {
			if _, err := bolt.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	return s, nil
}

// Close waits for the open transactions and closes the file. The service calls it
// when it has stopped.
func (s *Store) Close() error { return s.db.Close() }

// View implements ports.Store.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x, err := s.begin(false)
	if err != nil {
		return err
	}
	defer x.end() // also when fn panics
	return fn(ctx, x)
}

// Update implements ports.Store. A context that ends before the commit begins rolls
// back; a commit that has begun is not interrupted.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	x, err := s.begin(true)
	if err != nil {
		return err
	}
	defer x.end() // also when fn panics; after the commit it rolls nothing back
	if err := fn(ctx, x); err != nil {
		return err
	}
	if err := errors.Join(x.broken, ctx.Err()); err != nil {
		return err
	}
	if err := x.bolt.Commit(); err != nil {
		// The disk is full or at fault, and what it kept will only be known later.
		return ports.ErrUnavailable.Wrap(err)
	}
	return nil
}

func (s *Store) begin(writable bool) (*tx, error) {
	bolt, err := s.db.Begin(writable)
	if err != nil { // the store was closed
		return nil, ports.ErrUnavailable.Wrap(err)
	}
	return &tx{bolt: bolt, schema: s.schema}, nil
}

// Probes joins the readiness of the service, which asks any store that has them.
func (s *Store) Probes() []ports.Probe { return []ports.Probe{probe{s}} }

type probe struct{ store *Store }

var _ ports.Probe = probe{}

// Name implements ports.Probe.
func (probe) Name() string { return "database" }

// Check implements ports.Probe.
func (p probe) Check(ctx context.Context) error {
	return p.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Guards().Read(ctx, domain.SigningKeysGuard)
		return err
	})
}
