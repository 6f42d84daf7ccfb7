package entstore

import (
	"context"
	"time"

	"entgo.io/ent/dialect"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/account"
	"authserve/ent/auditevent"
	"authserve/ent/erasure"
	"authserve/ent/message"
	"authserve/ent/predicate"
	"authserve/ports"
)

type erasures struct{ *tx }

var _ ports.Erasures = erasures{}

// Erase implements ports.Erasures. Credential, sessions and tokens go with the account
// by their foreign keys.
func (s erasures) Erase(ctx context.Context, accountID domain.ID, from domain.AccountVersion, at time.Time) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	deleted, err := w.Account.Delete().
		Where(
			account.ID(string(accountID)),
			account.AuthGeneration(from.AuthGeneration),
			account.CredentialVersion(from.Credential),
			account.ProfileVersion(from.Profile)).
		Exec(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	if err := one(deleted); err != nil {
		return err
	}
	if _, err := w.Message.Delete().Where(message.AccountID(string(accountID))).Exec(ctx); err != nil {
		return s.fault(ctx, err)
	}
	create := w.Erasure.Create().SetID(string(accountID)).SetAt(domain.Instant(at))
	return s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
}

// ByAccount implements ports.Erasures.
func (s erasures) ByAccount(ctx context.Context, accountID domain.ID) (domain.Erasure, error) {
	row, err := s.client().Erasure.Get(ctx, string(accountID))
	if err != nil {
		return domain.Erasure{}, s.fault(ctx, err)
	}
	return erasureOf(row), nil
}

// Pending implements ports.Erasures.
func (s erasures) Pending(ctx context.Context, limit int) ([]domain.Erasure, error) {
	query := s.client().Erasure.Query().Where(erasure.FinishedAtIsNil())
	if s.engine.dialect() == dialect.Postgres {
		query.Order(erasure.ByFinishedAt()) // never; else it does not see the order of the index
	}
	rows, err := query.Order(erasure.ByAt(), erasure.ByID()).Limit(limit).All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	pending := make([]domain.Erasure, len(rows))
	for i, row := range rows {
		pending[i] = erasureOf(row)
	}
	return pending, nil
}

// Anonymise implements ports.Erasures: first what the account is the subject of, then
// what it did, each by its own index.
func (s erasures) Anonymise(ctx context.Context, accountID domain.ID, limit int) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	total := 0
	for _, whose := range []predicate.AuditEvent{auditevent.Subject(string(accountID)), auditevent.ActorID(string(accountID))} {
		for total < limit {
			found, changed, err := anonymise(ctx, w, whose, limit-total)
			if err != nil {
				return total, s.fault(ctx, err)
			}
			total += changed
			if found == 0 {
				break
			}
		}
	}
	return total, nil
}

// anonymise changes at most limit of the events; it may find some that another caller
// changes first.
func anonymise(ctx context.Context, w *ent.Client, whose predicate.AuditEvent, limit int) (found, changed int, err error) {
	holding := auditevent.Or(auditevent.ActorIPNEQ(""), auditevent.ActorUserAgentNEQ(""), auditevent.ChainSaltNotNil())
	ids, err := w.AuditEvent.Query().Where(whose, holding).Limit(limit).IDs(ctx)
	if err != nil || len(ids) == 0 {
		return 0, 0, err
	}
	changed, err = w.AuditEvent.Update().
		Where(auditevent.IDIn(ids...), holding).
		SetActorIP("").
		SetActorUserAgent("").
		ClearChainSalt().
		Save(ctx)
	return len(ids), changed, err
}

// Finish implements ports.Erasures.
func (s erasures) Finish(ctx context.Context, accountID domain.ID, at time.Time) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	changed, err := w.Erasure.Update().Where(erasure.ID(string(accountID))).SetFinishedAt(domain.Instant(at)).Save(ctx)
	if err == nil && changed == 0 {
		return ports.ErrNotFound
	}
	return s.fault(ctx, err)
}

// Unverified implements ports.Erasures.
func (s erasures) Unverified(ctx context.Context, before time.Time, limit int) ([]domain.Account, error) {
	query := s.client().Account.Query().Where(account.EmailVerifiedAtIsNil(), account.CreatedAtLT(domain.Instant(before)))
	if s.engine.dialect() == dialect.Postgres {
		query.Order(account.ByEmailVerifiedAt()) // as in Pending
	}
	rows, err := query.Order(account.ByCreatedAt(), account.ByID()).Limit(limit).All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	unverified := make([]domain.Account, len(rows))
	for i, row := range rows {
		unverified[i] = accountOf(row)
	}
	return unverified, nil
}

func erasureOf(row *ent.Erasure) domain.Erasure {
	return domain.Erasure{AccountID: domain.ID(row.ID), At: row.At.UTC(), FinishedAt: instant(row.FinishedAt)}
}
