package boltstore

import (
	"context"

	"go.etcd.io/bbolt"

	"authserve/core/domain"
	"authserve/ports"
)

// Faults that only a bug or a damaged file can cause. Adapters tell callers anything
// in the form of a domain.Error; what bbolt said is its cause, for the log.
var (
	errEnded   = domain.NewError(domain.KindInternal, "store_tx_ended", "A transaction was used after its end.")
	errRefused = domain.NewError(domain.KindInternal, "boltstore_refused", "The database refused to keep a row.")
	errRow     = domain.NewError(domain.KindInternal, "boltstore_row", "A row of the database cannot be read.")
)

// tx is one open transaction: ports.Tx itself, and what its stores share.
//
// It does not embed ports.Unsupported: nothing is out of bbolt's reach, and when Tx
// grows the compiler shall say so here. Embed it while a part is missing.
type tx struct {
	bolt   *bbolt.Tx
	schema *schema
	ended  bool
	broken error // a write that was refused halfway: must not be committed
}

var _ ports.Tx = (*tx)(nil)

// Accounts implements ports.Tx.
func (x *tx) Accounts() ports.Accounts { return accounts{x} }

// Credentials implements ports.Tx.
func (x *tx) Credentials() ports.Credentials { return credentials{x} }

// Sessions implements ports.Tx.
func (x *tx) Sessions() ports.Sessions { return sessions{x} }

// Keys implements ports.Tx.
func (x *tx) Keys() ports.Keys { return keys{x} }

// Outbox implements ports.Tx.
func (x *tx) Outbox() ports.Outbox { return outbox{x} }

// Audit implements ports.Tx.
func (x *tx) Audit() ports.Audit { return audit{x} }

// Idempotency implements ports.Tx.
func (x *tx) Idempotency() ports.Idempotency { return idempotency{x} }

// Guards implements ports.Tx.
func (x *tx) Guards() ports.Guards { return guards{x} }

// Imports implements ports.Tx.
func (x *tx) Imports() ports.Imports { return imports{x} }

// OneTimeTokens implements ports.Tx.
func (x *tx) OneTimeTokens() ports.OneTimeTokens { return oneTimeTokens{x} }

// Throttles implements ports.Tx.
func (x *tx) Throttles() ports.Throttles { return throttles{x} }

// Erasures implements ports.Tx.
func (x *tx) Erasures() ports.Erasures { return erasures{x} }

// PersonalData implements ports.Tx.
func (x *tx) PersonalData() ports.PersonalData { return personalData{x} }

// reading is the first line of every method that reads: bbolt knows no contexts, and
// panics when an ended transaction is used.
func (x *tx) reading(ctx context.Context) error {
	if x.ended {
		return errEnded
	}
	return ctx.Err()
}

// writing is the first line of every method that writes.
func (x *tx) writing(ctx context.Context) error {
	if err := x.reading(ctx); err != nil {
		return err
	}
	if !x.bolt.Writable() {
		return ports.ErrReadOnly
	}
	return nil
}

func (x *tx) end() {
	x.ended = true
	_ = x.bolt.Rollback() // the one error says that the commit has ended it
}

func (x *tx) bucket(name string) *bbolt.Bucket { return x.bolt.Bucket([]byte(name)) }

func (x *tx) put(bucket string, key, value []byte) error {
	return x.wrote(x.bucket(bucket).Put(key, value))
}

func (x *tx) remove(bucket string, key []byte) error {
	return x.wrote(x.bucket(bucket).Delete(key))
}

// wrote remembers a fault, such as a key longer than bbolt takes. A row and its
// indexes are several writes, so the transaction must not be kept, even where its
// closure goes on.
func (x *tx) wrote(err error) error {
	if err != nil {
		x.broken = errRefused.Wrap(err)
	}
	return x.broken
}
