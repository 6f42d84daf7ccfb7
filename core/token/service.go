package token

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	// ringFresh is how old the ring in memory may get before somebody reads it
	// again, and ringMaxAge how old it may be for signing: RotateIfDue counts on it.
	ringFresh  = time.Minute
	ringMaxAge = 2 * time.Minute
	// unknownKeyPause bounds how often tokens of unknown keys cause a reading.
	unknownKeyPause = 10 * time.Second
)

// Config says what tokens are like.
type Config struct {
	Issuer    string // `iss`
	Audience  string // `aud`
	AccessTTL time.Duration
	Leeway    time.Duration // for clocks that differ, in both directions
	Algorithm domain.Algorithm
}

// Service mints and verifies access tokens.
type Service struct {
	store  ports.Store
	codec  ports.JWT
	sealer ports.Sealer
	clock  ports.Clock
	ids    ports.IDs
	cfg    Config

	ring     atomic.Pointer[ring]
	loading  chan struct{} // a mutex whose waiting ends with a context
	verified *verified
}

// New makes a service without keys; call EnsureKeys before Mint and Verify.
func New(store ports.Store, codec ports.JWT, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, cfg Config) *Service {
	return &Service{store: store, codec: codec, sealer: sealer, clock: clock, ids: ids, cfg: cfg, loading: make(chan struct{}, 1), verified: newVerified()}
}

// Mint signs an access token for the session. It expires after AccessTTL, or with
// the session where that is earlier.
func (s *Service) Mint(ctx context.Context, account domain.Account, session domain.Session) (domain.Secret, time.Duration, error) {
	r, err := s.current(ctx)
	if err != nil { // not even the old ring: its key may be gone elsewhere
		return domain.Secret{}, 0, err
	}
	now := s.clock.Now()
	ttl := min(s.cfg.AccessTTL, session.ExpiresAt.Sub(now))
	signed, err := r.signer.Sign(domain.Claims{
		Issuer:         s.cfg.Issuer,
		Audience:       []string{s.cfg.Audience},
		Subject:        account.ID,
		ExpiresAt:      now.Add(ttl),
		IssuedAt:       now,
		NotBefore:      now,
		TokenID:        s.ids.New(),
		SessionID:      session.ID,
		ClientID:       session.ClientID,
		Scope:          domain.FirstPartyScope,
		Roles:          account.Roles,
		AuthTime:       session.CreatedAt,
		AuthMethods:    session.AuthMethods,
		AuthGeneration: account.Version.AuthGeneration,
	})
	return signed, ttl, err
}

// Verify checks an access token by itself: signature, type, issuer, audience and
// times. Whether its session still lives is for core/session to say. Errors:
// domain.CodeTokenExpired, domain.CodeInvalidToken.
func (s *Service) Verify(ctx context.Context, token string) (domain.Claims, error) {
	r, err := s.known(ctx)
	if err != nil {
		return domain.Claims{}, err
	}
	sum := sha256.Sum256([]byte(token))
	if t, ok := s.verified.find(sum); ok && t.ring == r && t.current(s.clock.Now()) {
		return t.claims, nil
	}
	kid, err := s.codec.KeyID(token)
	if err != nil {
		return domain.Claims{}, err
	}
	verifier, known := r.verifiers[kid]
	if !known && s.age(r) >= unknownKeyPause {
		if r, err = s.load(ctx, r); err != nil {
			return domain.Claims{}, err
		}
		verifier, known = r.verifiers[kid]
	}
	if !known {
		return domain.Claims{}, errUnknownKey
	}
	claims, err := verifier.Verify(token, ports.TokenExpectation{
		Issuer: s.cfg.Issuer, Audience: s.cfg.Audience, Now: s.clock.Now(), Leeway: s.cfg.Leeway,
	})
	if err == nil {
		s.verified.add(sum, verifiedToken{claims: claims, ring: r})
	}
	return claims, err
}

var errUnknownKey = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "The access token is not valid.")

// PublicKeys returns the keys to publish, without their private halves.
func (s *Service) PublicKeys(ctx context.Context) ([]domain.SigningKey, error) {
	r, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	return r.public, nil
}

// known returns the ring, read again when it is old and nobody else is at it. When
// that fails, the last one still serves: its public keys are good for verifying.
func (s *Service) known(ctx context.Context) (*ring, error) {
	r := s.ring.Load()
	if r == nil {
		return s.load(ctx, nil)
	}
	if s.age(r) < ringFresh {
		return r, nil
	}
	select {
	case s.loading <- struct{}{}:
		defer func() { <-s.loading }()
		if fresh, err := s.read(ctx); err == nil {
			return fresh, nil
		}
	default:
	}
	return r, nil
}

// current returns a ring that is young enough for signing.
func (s *Service) current(ctx context.Context) (*ring, error) {
	r, err := s.known(ctx)
	if err != nil || s.age(r) < ringMaxAge {
		return r, err
	}
	return s.load(ctx, r)
}

// age is how long ago the ring was read. When the clock was set back meanwhile, it
// is too old.
func (s *Service) age(r *ring) time.Duration {
	if age := s.clock.Now().Sub(r.loadedAt); age >= 0 {
		return age
	}
	return ringMaxAge
}

// load reads the ring unless somebody else replaced stale while we waited.
func (s *Service) load(ctx context.Context, stale *ring) (*ring, error) {
	select {
	case s.loading <- struct{}{}:
		defer func() { <-s.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r := s.ring.Load(); r != nil && r != stale {
		return r, nil
	}
	return s.read(ctx)
}
