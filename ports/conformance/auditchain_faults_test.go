package conformance_test

import (
	"context"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
)

func chainFaults() []fault {
	chain := func(plant func(ports.AuditChain) ports.AuditChain) func(ports.Store) ports.Store {
		return with(func(tx ports.Tx) ports.Tx { return otherChain{tx, plant} })
	}
	return []fault{
		{"moves the head from anywhere", chain(func(c ports.AuditChain) ports.AuditChain { return eagerSealer{c} }), []string{"audit_chain.link_is_conditional", "races.audit_sealers"}},
		{"links nothing", chain(func(c ports.AuditChain) ports.AuditChain { return lazySealer{c} }), []string{"audit_chain.link_then_read", "races.audit_sealers"}},
		{"reads the chain backwards", chain(func(c ports.AuditChain) ports.AuditChain { return reversedChain{c} }), []string{"audit_chain.link_then_read", "audit_chain.read_in_pages"}},
		{"reads pages twice as long", chain(func(c ports.AuditChain) ports.AuditChain { return greedyChain{c} }), []string{"audit_chain.read_in_pages", "audit_chain.link_then_read"}},
		{"moves the anchor from anywhere", chain(func(c ports.AuditChain) ports.AuditChain { return eagerPruner{c} }), []string{"audit_chain.prune"}},
		{"moves the anchor and removes nothing", chain(func(c ports.AuditChain) ports.AuditChain { return lazyPruner{c} }), []string{"audit_chain.prune"}},
		{"forgets the anchor", chain(func(c ports.AuditChain) ports.AuditChain { return adrift{c} }), []string{"audit_chain.prune"}},
		{"forgets the salts", chain(func(c ports.AuditChain) ports.AuditChain { return saltless{c} }), []string{"audit_chain.link_then_read"}},
	}
}

type otherChain struct {
	ports.Tx
	plant func(ports.AuditChain) ports.AuditChain
}

func (t otherChain) AuditChain() ports.AuditChain { return t.plant(t.Tx.AuditChain()) }

type eagerSealer struct{ ports.AuditChain }

func (c eagerSealer) Link(ctx context.Context, links []domain.AuditLink, head domain.AuditHead, _ int64) error {
	kept, _, err := c.Head(ctx)
	if err != nil {
		return err
	}
	unchained, err := c.Unchained(ctx, 1000)
	if err != nil {
		return err
	}
	links = slices.DeleteFunc(slices.Clone(links), func(l domain.AuditLink) bool {
		return !slices.ContainsFunc(unchained, func(e domain.AuditEvent) bool { return e.ID == l.EventID })
	})
	return c.AuditChain.Link(ctx, links, head, kept.Seq)
}

type lazySealer struct{ ports.AuditChain }

func (c lazySealer) Link(ctx context.Context, _ []domain.AuditLink, head domain.AuditHead, from int64) error {
	return c.AuditChain.Link(ctx, nil, head, from)
}

type reversedChain struct{ ports.AuditChain }

func (c reversedChain) Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error) {
	rows, err := c.AuditChain.Read(ctx, after, limit)
	slices.Reverse(rows)
	return rows, err
}

type greedyChain struct{ ports.AuditChain }

func (c greedyChain) Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error) {
	return c.AuditChain.Read(ctx, after, 2*limit)
}

func (c greedyChain) Unchained(ctx context.Context, limit int) ([]domain.AuditEvent, error) {
	return c.AuditChain.Unchained(ctx, 2*limit)
}

type eagerPruner struct{ ports.AuditChain }

func (c eagerPruner) Prune(ctx context.Context, anchor domain.AuditHead, _ int64) (int, error) {
	_, kept, err := c.Head(ctx)
	if err != nil {
		return 0, err
	}
	return c.AuditChain.Prune(ctx, anchor, kept.Seq)
}

type lazyPruner struct{ ports.AuditChain }

func (c lazyPruner) Prune(ctx context.Context, anchor domain.AuditHead, from int64) (int, error) {
	_, kept, err := c.Head(ctx)
	if err == nil && kept.Seq != from {
		return 0, ports.ErrStale
	}
	return int(anchor.Seq - from), err
}

type adrift struct{ ports.AuditChain }

func (c adrift) Head(ctx context.Context) (head, anchor domain.AuditHead, err error) {
	head, _, err = c.AuditChain.Head(ctx)
	return head, domain.AuditHead{}, err
}

type saltless struct{ ports.AuditChain }

func (c saltless) Link(ctx context.Context, links []domain.AuditLink, head domain.AuditHead, from int64) error {
	links = slices.Clone(links)
	for i := range links {
		links[i].Salt = nil
	}
	return c.AuditChain.Link(ctx, links, head, from)
}
