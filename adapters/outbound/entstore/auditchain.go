package entstore

import (
	"context"
	"errors"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/auditevent"
	"authserve/ent/audithead"
	"authserve/ports"
)

// The rows of audit_heads.
const (
	chainHead   = "head"
	chainAnchor = "anchor"
)

type auditChain struct{ *tx }

var _ ports.AuditChain = auditChain{}

// AuditChain implements ports.Tx.
func (t *tx) AuditChain() ports.AuditChain { return auditChain{t} }

// Head implements ports.AuditChain.
func (s auditChain) Head(ctx context.Context) (head, anchor domain.AuditHead, err error) {
	rows, err := s.client().AuditHead.Query().Where(audithead.IDIn(chainHead, chainAnchor)).All(ctx)
	if err != nil {
		return domain.AuditHead{}, domain.AuditHead{}, s.fault(ctx, err)
	}
	for _, row := range rows {
		switch row.ID {
		case chainHead:
			head = auditHeadOf(row)
		case chainAnchor:
			anchor = auditHeadOf(row)
		}
	}
	return head, anchor, nil
}

// Unchained implements ports.AuditChain. PostgreSQL sees the order of the index only
// where the question begins with the column that is NULL, and MariaDB only where it does
// not.
func (s auditChain) Unchained(ctx context.Context, limit int) ([]domain.AuditEvent, error) {
	query := s.client().AuditEvent.Query().Where(auditevent.ChainSeqIsNil())
	if s.engine.dialect() == dialect.Postgres {
		query.Order(auditevent.ByChainSeq())
	}
	rows, err := query.Order(auditevent.ByAt(), auditevent.ByID()).Limit(limit).All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	events := make([]domain.AuditEvent, len(rows))
	for i, row := range rows {
		events[i] = auditEventOf(row)
	}
	return events, nil
}

// Link implements ports.AuditChain. The head goes first: whoever comes second waits for
// it, and holds nothing that the first one needs.
func (s auditChain) Link(ctx context.Context, links []domain.AuditLink, head domain.AuditHead, from int64) error {
	if _, err := s.write(); err != nil {
		return err
	}
	return s.deny(imports(s).allOrNothing(ctx, func() error {
		if err := s.move(ctx, chainHead, head, from); err != nil {
			return err
		}
		for _, l := range links {
			if err := s.writeLink(ctx, l); err != nil {
				return err
			}
		}
		return nil
	}))
}

// writeLink has its statement from Ent's builder: Ent's own update takes three times as
// long.
func (s auditChain) writeLink(ctx context.Context, l domain.AuditLink) error {
	query, args := entsql.Dialect(s.engine.dialect()).Update(auditevent.Table).
		Set(auditevent.FieldChainSeq, l.Seq).
		Set(auditevent.FieldChainKeyID, l.KeyID).
		Set(auditevent.FieldChainSalt, l.Salt).
		Set(auditevent.FieldChainCommitment, l.Commitment).
		Set(auditevent.FieldChainMAC, l.MAC).
		Where(entsql.And(
			entsql.EQ(auditevent.FieldID, string(l.EventID)),
			entsql.IsNull(auditevent.FieldChainSeq),
		)).
		Query()
	result, err := s.sql.ExecContext(ctx, query, args...)
	if err != nil {
		return s.translate(ctx, err)
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return s.translate(ctx, err)
	}
	return one(int(changed))
}

// Read implements ports.AuditChain.
func (s auditChain) Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error) {
	rows, err := s.client().AuditEvent.Query().
		Where(auditevent.ChainSeqGT(after)).
		Order(auditevent.ByChainSeq(), auditevent.ByAt(), auditevent.ByID()).
		Limit(limit).
		All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	chained := make([]domain.ChainedEvent, len(rows))
	for i, row := range rows {
		chained[i] = domain.ChainedEvent{Event: auditEventOf(row), Link: auditLinkOf(row)}
	}
	return chained, nil
}

// Prune implements ports.AuditChain.
func (s auditChain) Prune(ctx context.Context, anchor domain.AuditHead, from int64) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	if err := s.move(ctx, chainAnchor, anchor, from); err != nil {
		return 0, s.deny(err)
	}
	removed, err := w.AuditEvent.Delete().
		Where(auditevent.ChainSeqGT(from), auditevent.ChainSeqLTE(anchor.Seq)).
		Exec(ctx)
	return removed, s.fault(ctx, err)
}

// move writes an end that is at from. The row comes into being with the first move; of
// two that insert it one commits.
func (s auditChain) move(ctx context.Context, id string, to domain.AuditHead, from int64) error {
	w := s.client()
	changed, err := w.AuditHead.Update().
		Where(audithead.ID(id), audithead.Seq(from)).
		SetSeq(to.Seq).SetMAC(to.MAC).SetKeyID(to.KeyID).SetAt(domain.Instant(to.At)).SetProof(to.Proof).
		Save(ctx)
	switch {
	case err != nil:
		return s.fault(ctx, err)
	case changed > 0:
		return nil
	case from != 0:
		return ports.ErrStale
	}
	create := w.AuditHead.Create().SetID(id).
		SetSeq(to.Seq).SetMAC(to.MAC).SetKeyID(to.KeyID).SetAt(domain.Instant(to.At)).SetProof(to.Proof)
	err = s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
	if errors.Is(err, ports.ErrConflict) {
		return ports.ErrStale.Wrap(err)
	}
	return err
}

func auditHeadOf(row *ent.AuditHead) domain.AuditHead {
	return domain.AuditHead{Seq: row.Seq, MAC: row.MAC, KeyID: row.KeyID, At: row.At.UTC(), Proof: row.Proof}
}

func auditLinkOf(row *ent.AuditEvent) domain.AuditLink {
	l := domain.AuditLink{
		EventID: domain.ID(row.ID), KeyID: row.ChainKeyID,
		Salt: row.ChainSalt, Commitment: row.ChainCommitment, MAC: row.ChainMAC,
	}
	if row.ChainSeq != nil {
		l.Seq = *row.ChainSeq
	}
	return l
}
