package guard

import (
	"context"

	"authserve/core/domain"
	"authserve/ports"
)

// Store puts s behind two circuits: one for View, one for Update. What the
// closure does counts into the call.
func Store(s ports.Store, read, write *Circuit) ports.Store {
	return guardedStore{next: s, read: read, write: write}
}

type guardedStore struct {
	next        ports.Store
	read, write *Circuit
}

var _ ports.Store = guardedStore{}

func (g guardedStore) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	return g.read.do(ctx, "view", func(ctx context.Context) error { return g.next.View(ctx, fn) })
}

func (g guardedStore) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	return g.write.do(ctx, "update", func(ctx context.Context) error { return g.next.Update(ctx, fn) })
}

// Hasher puts h behind c. Dummy and Import pass through: they wait for nothing.
func Hasher(h ports.Hasher, c *Circuit) ports.Hasher { return guardedHasher{next: h, circuit: c} }

type guardedHasher struct {
	next    ports.Hasher
	circuit *Circuit
}

var _ ports.Hasher = guardedHasher{}

func (g guardedHasher) Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	return Call(ctx, g.circuit, "hash", func(ctx context.Context) (domain.PasswordHash, error) { return g.next.Hash(ctx, p) })
}

func (g guardedHasher) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	type verdict struct{ match, needsRehash bool }
	v, err := Call(ctx, g.circuit, "verify", func(ctx context.Context) (verdict, error) {
		match, needsRehash, err := g.next.Verify(ctx, p, hash)
		return verdict{match: match, needsRehash: needsRehash}, err
	})
	return v.match, v.needsRehash, err
}

func (g guardedHasher) Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	return Call(ctx, g.circuit, "rehash", func(ctx context.Context) (domain.PasswordHash, error) { return g.next.Rehash(ctx, p) })
}

func (g guardedHasher) Dummy(settings string) domain.PasswordHash { return g.next.Dummy(settings) }

func (g guardedHasher) Import(encoded domain.Secret) (domain.PasswordHash, error) {
	return g.next.Import(encoded)
}

// Breaches puts b behind c.
func Breaches(b ports.Breaches, c *Circuit) ports.Breaches {
	return guardedBreaches{next: b, circuit: c}
}

type guardedBreaches struct {
	next    ports.Breaches
	circuit *Circuit
}

var _ ports.Breaches = guardedBreaches{}

func (g guardedBreaches) Contains(ctx context.Context, p domain.Password) (bool, error) {
	return Call(ctx, g.circuit, "contains", func(ctx context.Context) (bool, error) { return g.next.Contains(ctx, p) })
}

// Mailer puts m behind c.
func Mailer(m ports.Mailer, c *Circuit) ports.Mailer { return guardedMailer{next: m, circuit: c} }

type guardedMailer struct {
	next    ports.Mailer
	circuit *Circuit
}

var _ ports.Mailer = guardedMailer{}

func (g guardedMailer) Send(ctx context.Context, l domain.Letter) error {
	return g.circuit.do(ctx, "send", func(ctx context.Context) error { return g.next.Send(ctx, l) })
}
