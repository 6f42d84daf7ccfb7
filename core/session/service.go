package session

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/core/token"
	"authserve/ports"
)

// Config bounds sessions.
type Config struct {
	Limits        domain.SessionLimits
	MaxPerAccount int // the oldest sessions beyond it end at login
}

// Service grants, carries on, lists and ends sessions.
type Service struct {
	store  ports.Store
	access *token.Service
	tokens tokens
	sealer ports.Sealer
	clock  ports.Clock
	ids    ports.IDs
	random ports.Random
	cfg    Config
}

// New makes a service.
func New(store ports.Store, access *token.Service, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, random ports.Random, cfg Config) *Service {
	return &Service{
		store: store, access: access, tokens: tokens{sealer: sealer}, sealer: sealer,
		clock: clock, ids: ids, random: random, cfg: cfg,
	}
}

var (
	errSessionEnded = domain.NewError(domain.KindUnauthenticated, domain.CodeSessionEnded, "The session has ended.")
	errOldToken     = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "The access token is not valid.")
)

// Grant creates a session for an account that has just proved itself, inside the
// login's own transaction, and ends the oldest sessions beyond the maximum. The
// transaction must have written the account's row before, so that two logins of
// one account do not overlap.
func (s *Service) Grant(ctx context.Context, tx ports.Tx, account domain.Account, methods []string) (domain.Session, error) {
	now, actor := s.clock.Now(), domain.ActorFrom(ctx)
	// The new one will be the newest.
	surplus, err := tx.Sessions().ListActive(ctx, account.ID, now, s.cfg.MaxPerAccount-1, domain.PageRequest{Limit: domain.MaxPageLimit})
	if err != nil {
		return domain.Session{}, err
	}
	for _, oldest := range surplus.Items {
		if err := s.end(ctx, tx, oldest, domain.EndedBySessionLimit, now); err != nil {
			return domain.Session{}, err
		}
	}
	granted := domain.NewSession(s.ids.New(), account, methods, s.random.Bytes(domain.NonceSize), s.sealer.ActiveKey(), s.cfg.Limits, actor, now)
	return granted, tx.Sessions().Create(ctx, granted)
}

// Issue makes the token pair for the session's present state.
func (s *Service) Issue(ctx context.Context, account domain.Account, session domain.Session) (domain.TokenPair, error) {
	access, ttl, err := s.access.Mint(ctx, account, session)
	if err != nil {
		return domain.TokenPair{}, err
	}
	refresh, err := s.tokens.make(ctx, session)
	if err != nil {
		return domain.TokenPair{}, err
	}
	return domain.TokenPair{
		Access: access, AccessExpiresIn: ttl,
		Refresh: refresh, RefreshExpiresIn: session.ExpiresAt.Sub(s.clock.Now()),
		SessionID: session.ID,
	}, nil
}

// Authenticate says who presents an access token. Beyond the token itself it
// checks, for this very request, that the session has not ended, that the account
// is active, and that no security event outdated the token (decision 3 of the
// token design). Errors: domain.CodeInvalidToken, CodeTokenExpired,
// CodeSessionEnded.
func (s *Service) Authenticate(ctx context.Context, accessToken string) (domain.Identity, error) {
	claims, err := s.access.Verify(ctx, accessToken)
	if err != nil {
		return domain.Identity{}, err
	}
	who := domain.Identity{Claims: claims}
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if who.Session, err = tx.Sessions().ByID(ctx, claims.SessionID); err != nil {
			return err
		}
		who.Account, err = tx.Accounts().ByID(ctx, claims.Subject)
		return err
	})
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return domain.Identity{}, errSessionEnded
	case err != nil:
		return domain.Identity{}, err
	case who.Session.AccountID != who.Account.ID:
		return domain.Identity{}, errOldToken
	case !who.Session.IsActive(s.clock.Now()), !who.Account.IsActive():
		return domain.Identity{}, errSessionEnded
	case claims.AuthGeneration != who.Account.Version.AuthGeneration:
		return domain.Identity{}, errOldToken
	}
	return who, nil
}

// Logout ends the caller's session. It is not an error when somebody else ended
// it in the meantime.
func (s *Service) Logout(ctx context.Context, who domain.Identity) error {
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return s.end(ctx, tx, who.Session, domain.EndedByLogout, s.clock.Now())
	})
}

// LogoutByRefresh ends the session of a genuine refresh token, whether current or
// old: whoever holds any of them may end the session. Errors:
// domain.CodeInvalidRefreshToken.
func (s *Service) LogoutByRefresh(ctx context.Context, secret domain.Secret) error {
	presented, err := s.tokens.open(ctx, secret)
	if err != nil {
		return err
	}
	genuine := false
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		genuine = false
		session, err := tx.Sessions().ByID(ctx, presented.session)
		if errors.Is(err, ports.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if genuine, err = s.tokens.confirms(ctx, session, presented); err != nil || !genuine {
			return err
		}
		return s.end(ctx, tx, session, domain.EndedByLogout, s.clock.Now())
	})
	if err == nil && !genuine {
		return errInvalidRefresh
	}
	return err
}

// List returns the caller's active sessions, newest first.
func (s *Service) List(ctx context.Context, who domain.Identity, page domain.PageRequest) (domain.Page[domain.Session], error) {
	var list domain.Page[domain.Session]
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		list, err = tx.Sessions().ListActive(ctx, who.Account.ID, s.clock.Now(), 0, page)
		return err
	})
	return list, err
}

// End ends one of the caller's own sessions. Errors: domain.CodeNotFound when the
// caller has no such active session, also when somebody else has.
func (s *Service) End(ctx context.Context, who domain.Identity, id domain.ID) error {
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		session, err := tx.Sessions().ByID(ctx, id)
		if err != nil {
			return err
		}
		now := s.clock.Now()
		if session.AccountID != who.Account.ID || !session.IsActive(now) {
			return ports.ErrNotFound
		}
		return s.end(ctx, tx, session, domain.EndedByOwner, now)
	})
}

// EndAll ends the caller's other sessions, with includeCurrent the present one
// too, and returns how many.
func (s *Service) EndAll(ctx context.Context, who domain.Identity, includeCurrent bool) (int, error) {
	except := who.Session.ID
	if includeCurrent {
		except = ""
	}
	ended := 0
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		now := s.clock.Now()
		if ended, err = tx.Sessions().EndAll(ctx, who.Account.ID, except, domain.EndedByOwner, now); err != nil {
			return err
		}
		detail := map[string]string{"reason": string(domain.EndedByOwner), "scope": "others"}
		if includeCurrent {
			detail["scope"] = "all"
		}
		return s.audit(ctx, tx, domain.AuditSessionEnded, who.Account.ID, now, detail)
	})
	return ended, err
}

// Renew carries the session over to the account's new generation and ends every other
// one, inside the transaction that raised the generation: no token from before is good
// after it. Errors: ErrStale when the session ended or moved meanwhile, a refresh under
// way included.
func (s *Service) Renew(ctx context.Context, tx ports.Tx, account domain.Account, session domain.Session, reason domain.EndReason) (domain.Session, error) {
	now, from := s.clock.Now(), session.Refresh.RefreshPosition
	renewed := session.Renewed(account.Version.AuthGeneration, s.random.Bytes(domain.NonceSize), s.sealer.ActiveKey(), s.cfg.Limits, now)
	if err := tx.Sessions().Advance(ctx, renewed, from); err != nil {
		return domain.Session{}, err
	}
	if _, err := tx.Sessions().EndAll(ctx, account.ID, session.ID, reason, now); err != nil {
		return domain.Session{}, err
	}
	return renewed, s.audit(ctx, tx, domain.AuditSessionEnded, account.ID, now, map[string]string{"reason": string(reason), "scope": "others"})
}

// EndEvery ends every session of the account, inside the transaction of the event that
// made them void.
func (s *Service) EndEvery(ctx context.Context, tx ports.Tx, accountID domain.ID, reason domain.EndReason) error {
	now := s.clock.Now()
	ended, err := tx.Sessions().EndAll(ctx, accountID, "", reason, now)
	if err != nil || ended == 0 {
		return err
	}
	return s.audit(ctx, tx, domain.AuditSessionEnded, accountID, now, map[string]string{"reason": string(reason), "scope": "all"})
}

// end ends a session and, if it was this call that ended it, says so in the audit
// log.
func (s *Service) end(ctx context.Context, tx ports.Tx, session domain.Session, reason domain.EndReason, now time.Time) error {
	_, err := s.endOnce(ctx, tx, session, reason, now)
	return err
}

// endOnce is end for those who have more to do when it was this call.
func (s *Service) endOnce(ctx context.Context, tx ports.Tx, session domain.Session, reason domain.EndReason, now time.Time) (bool, error) {
	ended, err := tx.Sessions().End(ctx, session.ID, reason, now)
	if err != nil || !ended {
		return false, err
	}
	return true, s.audit(ctx, tx, domain.AuditSessionEnded, session.AccountID, now,
		map[string]string{"reason": string(reason), "session_id": string(session.ID)})
}

func (s *Service) audit(ctx context.Context, tx ports.Tx, action domain.AuditAction, subject domain.ID, now time.Time, detail map[string]string) error {
	return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), action, subject, now, detail))
}
