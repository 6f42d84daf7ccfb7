package token

import (
	"context"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// ring is the set of keys in memory, never changed once made.
type ring struct {
	signer    ports.TokenSigner
	verifiers map[domain.ID]ports.TokenVerifier
	public    []domain.SigningKey
	loadedAt  time.Time
}

// read makes a new ring of the stored keys. The caller has s.loading.
func (s *Service) read(ctx context.Context) (*ring, error) {
	loadedAt := s.clock.Now() // before reading: the keys are at least as old
	var keys []domain.SigningKey
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		keys, err = tx.Keys().List(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &ring{verifiers: make(map[domain.ID]ports.TokenVerifier, len(keys)), loadedAt: loadedAt}
	for _, k := range keys {
		if r.verifiers[k.ID], err = s.codec.Verifier(k.ID, k.Algorithm, k.Public); err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		if k.State == domain.KeyActive {
			if r.signer, err = s.signer(ctx, k); err != nil {
				return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
			}
		}
		k.SealedPrivate = nil
		r.public = append(r.public, k)
	}
	if r.signer == nil {
		return nil, errNoActiveKey
	}
	s.ring.Store(r)
	return r, nil
}

var errNoActiveKey = domain.NewError(domain.KindInternal, "no_active_key", "There is no active signing key.")

func (s *Service) signer(ctx context.Context, k domain.SigningKey) (ports.TokenSigner, error) {
	private, err := s.sealer.Open(ctx, ports.PurposeSeal, k.SealedPrivate, []byte(k.ID))
	if err != nil {
		return nil, errSealed.Wrap(err)
	}
	return s.codec.Signer(k.ID, k.Algorithm, private)
}

var errSealed = domain.NewError(domain.KindInternal, "signing_key_sealed",
	"The signing key cannot be opened: the master key is not the one that sealed it. Start with that one, or with both, the new one first.")

func (s *Service) generate(ctx context.Context, state domain.KeyState) (domain.SigningKey, error) {
	private, public, err := s.codec.Generate(ctx, s.cfg.Algorithm)
	if err != nil {
		return domain.SigningKey{}, err
	}
	id, now := s.ids.New(), s.clock.Now()
	sealed, err := s.sealer.Seal(ctx, ports.PurposeSeal, private, []byte(id))
	if err != nil {
		return domain.SigningKey{}, err
	}
	return domain.SigningKey{
		ID: id, Algorithm: s.cfg.Algorithm, State: state,
		Public: public, SealedPrivate: sealed, CreatedAt: now, StateSince: now,
	}, nil
}
