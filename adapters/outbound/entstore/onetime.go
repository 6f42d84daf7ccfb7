package entstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/onetimetoken"
	"authserve/ent/predicate"
	"authserve/ports"
)

type oneTimeTokens struct{ *tx }

var _ ports.OneTimeTokens = oneTimeTokens{}

// Put implements ports.OneTimeTokens. What is older in the slot goes first; what is
// there all the same is newer, or came meanwhile.
func (s oneTimeTokens) Put(ctx context.Context, t domain.OneTimeToken) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	id, created := hex.EncodeToString(t.Hash), domain.Instant(t.CreatedAt)
	slot := []predicate.OneTimeToken{
		onetimetoken.AccountID(string(t.AccountID)), onetimetoken.Purpose(string(t.Purpose)), onetimetoken.Slot(t.Slot()),
	}
	switch same, err := w.OneTimeToken.Get(ctx, id); {
	case ent.IsNotFound(err):
	case err != nil:
		return s.fault(ctx, err)
	case same.AccountID != string(t.AccountID), same.Purpose != string(t.Purpose), same.Slot != t.Slot():
		return ports.Conflict("hash")
	}
	if _, err := w.OneTimeToken.Delete().Where(slot...).Where(onetimetoken.CreatedAtLTE(created)).Exec(ctx); err != nil {
		return s.fault(ctx, err)
	}
	create := w.OneTimeToken.Create().
		SetID(id).
		SetAccountID(string(t.AccountID)).
		SetPurpose(string(t.Purpose)).
		SetSlot(t.Slot()).
		SetAddress(t.Address.Address).
		SetAddressCanonical(t.Address.Canonical).
		SetGeneration(t.Generation).
		SetCreatedAt(created).
		SetExpiresAt(domain.Instant(t.ExpiresAt))
	err = s.attempt(ctx, "hash", func() error { return create.Exec(ctx) })
	if field, conflict := ports.ConflictField(err); !conflict || field != "slot" {
		return err
	}
	newer, lookErr := w.OneTimeToken.Query().Where(slot...).Where(onetimetoken.CreatedAtGT(created)).Exist(ctx)
	switch {
	case lookErr != nil:
		return s.fault(ctx, errors.Join(lookErr, err))
	case newer:
		return ports.ErrStale.Wrap(err)
	default:
		return err
	}
}

// ByHash implements ports.OneTimeTokens.
func (s oneTimeTokens) ByHash(ctx context.Context, hash []byte) (domain.OneTimeToken, error) {
	row, err := s.client().OneTimeToken.Get(ctx, hex.EncodeToString(hash))
	if err != nil {
		return domain.OneTimeToken{}, s.fault(ctx, err)
	}
	return oneTimeTokenOf(row)
}

// Spend implements ports.OneTimeTokens.
func (s oneTimeTokens) Spend(ctx context.Context, hash []byte) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	deleted, err := w.OneTimeToken.Delete().Where(onetimetoken.ID(hex.EncodeToString(hash))).Exec(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(deleted)
}

// EndAll implements ports.OneTimeTokens.
func (s oneTimeTokens) EndAll(ctx context.Context, accountID domain.ID, purposes ...domain.TokenPurpose) (int, error) {
	if len(purposes) == 0 {
		return 0, s.denied
	}
	return s.end(ctx, onetimetoken.AccountID(string(accountID)), onetimetoken.PurposeIn(convert[string](purposes)...))
}

// end removes the tokens.
func (s oneTimeTokens) end(ctx context.Context, which ...predicate.OneTimeToken) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	deleted, err := w.OneTimeToken.Delete().Where(which...).Exec(ctx)
	return deleted, s.fault(ctx, err)
}

// ListByAccount implements ports.OneTimeTokens. There are a handful, so they are sorted
// here, without an index for their order.
func (s oneTimeTokens) ListByAccount(ctx context.Context, accountID domain.ID) ([]domain.OneTimeToken, error) {
	return s.list(ctx, onetimetoken.AccountID(string(accountID)))
}

// Holder implements ports.OneTimeTokens.
func (s oneTimeTokens) Holder(ctx context.Context, canonical string, now time.Time) (domain.ID, error) {
	held, err := s.list(ctx,
		onetimetoken.Slot(canonical),
		onetimetoken.Purpose(string(domain.TokenUndoEmail)),
		onetimetoken.ExpiresAtGT(domain.Instant(now)))
	if err != nil {
		return "", err
	}
	if len(held) == 0 {
		return "", ports.ErrNotFound
	}
	return held[0].AccountID, nil
}

// list returns the tokens that match, oldest first by (CreatedAt, Hash).
func (s oneTimeTokens) list(ctx context.Context, which ...predicate.OneTimeToken) ([]domain.OneTimeToken, error) {
	rows, err := s.client().OneTimeToken.Query().Where(which...).All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	tokens := make([]domain.OneTimeToken, len(rows))
	for i, row := range rows {
		if tokens[i], err = oneTimeTokenOf(row); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(tokens, func(a, b domain.OneTimeToken) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.Hash, b.Hash))
	})
	return tokens, nil
}

// Purge implements ports.OneTimeTokens.
func (s oneTimeTokens) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	expired := onetimetoken.ExpiresAtLT(domain.Instant(before))
	ids, err := w.OneTimeToken.Query().Where(expired).Order(onetimetoken.ByExpiresAt()).Limit(limit).IDs(ctx)
	if err != nil {
		return 0, s.fault(ctx, err)
	}
	// The condition again: an expired token may have been put anew meanwhile.
	deleted, err := w.OneTimeToken.Delete().Where(onetimetoken.IDIn(ids...), expired).Exec(ctx)
	return deleted, s.fault(ctx, err)
}

func oneTimeTokenOf(row *ent.OneTimeToken) (domain.OneTimeToken, error) {
	hash, err := hex.DecodeString(row.ID)
	if err != nil {
		return domain.OneTimeToken{}, ports.ErrUnavailable.Wrap(err)
	}
	return domain.OneTimeToken{
		Hash:       hash,
		AccountID:  domain.ID(row.AccountID),
		Purpose:    domain.TokenPurpose(row.Purpose),
		Address:    domain.Email{Address: row.Address, Canonical: row.AddressCanonical},
		Generation: row.Generation,
		CreatedAt:  row.CreatedAt.UTC(),
		ExpiresAt:  row.ExpiresAt.UTC(),
	}, nil
}
