package token

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	// ringMaxAge is how old the ring in memory may get before it is read again.
	ringMaxAge = time.Minute
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
	loading  sync.Mutex
	verified *verified
}

// New makes a service without keys; call EnsureKeys before Mint and Verify.
func New(store ports.Store, codec ports.JWT, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, cfg Config) *Service {
	return &Service{store: store, codec: codec, sealer: sealer, clock: clock, ids: ids, cfg: cfg, verified: newVerified()}
}

// Mint signs an access token for the session. It expires after AccessTTL, or with
// the session where that is earlier.
func (s *Service) Mint(ctx context.Context, account domain.Account, session domain.Session) (domain.Secret, time.Duration, error) {
	r, err := s.current(ctx)
	if err != nil {
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
	r, err := s.current(ctx)
	if err != nil {
		return domain.Claims{}, err
	}
	sum := sha256.Sum256([]byte(token))
	if t, ok := s.verified.find(sum); ok && r.verifiers[t.key] == t.by && t.current(s.clock.Now()) {
		return t.claims, nil
	}
	kid, err := s.codec.KeyID(token)
	if err != nil {
		return domain.Claims{}, err
	}
	verifier, known := r.verifiers[kid]
	if !known && s.clock.Now().Sub(r.loadedAt) >= unknownKeyPause {
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
		s.verified.add(sum, verifiedToken{claims: claims, key: kid, by: verifier})
	}
	return claims, err
}

var errUnknownKey = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "The access token is not valid.")

// PublicKeys returns the keys to publish, without their private halves.
func (s *Service) PublicKeys(ctx context.Context) ([]domain.SigningKey, error) {
	r, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	return r.public, nil
}

// Algorithm is the configured signature algorithm.
func (s *Service) Algorithm() domain.Algorithm { return s.cfg.Algorithm }

// current returns the ring, read again when it is old. A failed re-reading leaves
// the old ring in use: the keys in memory are still good.
func (s *Service) current(ctx context.Context) (*ring, error) {
	r := s.ring.Load()
	if r == nil {
		return s.load(ctx, nil)
	}
	if s.clock.Now().Sub(r.loadedAt) >= ringMaxAge && s.loading.TryLock() {
		defer s.loading.Unlock()
		if fresh, err := s.read(ctx); err == nil {
			return fresh, nil
		}
	}
	return r, nil
}

// load reads the ring unless somebody else replaced stale while we waited.
func (s *Service) load(ctx context.Context, stale *ring) (*ring, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if r := s.ring.Load(); r != nil && r != stale {
		return r, nil
	}
	return s.read(ctx)
}
