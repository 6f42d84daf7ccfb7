package boltstore

import (
	"encoding/json"
	"fmt"
	"time"

	"authserve/core/domain"
)

// rowVersion is the first byte of every row. A later form of rows gets the next
// number, and decode goes on reading this one.
const rowVersion = 1

// encode writes a row as JSON after the byte of its version.
//
// JSON, because a row is then read by any tool when things are bad, a field that the
// core adds is empty in older rows, and encoding/json needs no set-up; gob, its rival
// in the standard library, describes its types anew in every row, which for a session
// is more than the session itself.
//
// Rows are the core's own types, by the names of their fields. What the core renames
// would be lost without a word, and that is what testdata/rows.v1 is for: the rows of
// version 1, which a test reads and writes.
func encode[T any](row T) ([]byte, error) {
	text, err := json.Marshal(row)
	if err != nil {
		return nil, errRefused.Wrap(err)
	}
	return append([]byte{rowVersion}, text...), nil
}

// decode copies all that it returns: what bbolt hands out is gone after the
// transaction.
func decode[T any](kept []byte) (row T, err error) {
	if len(kept) == 0 || kept[0] != rowVersion {
		return row, errRow.Wrap(fmt.Errorf("its version is not %d", rowVersion))
	}
	if err := json.Unmarshal(kept[1:], &row); err != nil {
		return row, errRow.Wrap(err)
	}
	return row, nil
}

// credentialRow is domain.Credential with its hash revealed: a domain.Secret writes
// "[redacted]" in JSON. A store is one of the few places that may reveal one.
type credentialRow struct {
	AccountID domain.ID
	Hash      string
	Version   int64
	ChangedAt time.Time
}

func rowOf(c domain.Credential) credentialRow {
	return credentialRow{AccountID: c.AccountID, Hash: c.Hash.Reveal(), Version: c.Version, ChangedAt: c.ChangedAt}
}

func (r credentialRow) credential() domain.Credential {
	return domain.Credential{AccountID: r.AccountID, Hash: domain.NewSecret(r.Hash), Version: r.Version, ChangedAt: r.ChangedAt}
}
