package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Sessions keeps sessions, ended ones too until they are purged.
type Sessions interface {
	// Create adds s. Errors: Conflict("id"), ErrNotFound when there is no such
	// account.
	Create(ctx context.Context, s domain.Session) error
	// ByID returns the session, ended or not. Errors: ErrNotFound.
	ByID(ctx context.Context, id domain.ID) (domain.Session, error)
	// ListActive returns the account's sessions that are neither ended nor expired
	// at now: newest first by (CreatedAt, ID), without the newest skip of those that
	// the page would begin with.
	ListActive(ctx context.Context, accountID domain.ID, now time.Time, skip int, page domain.PageRequest) (domain.Page[domain.Session], error)
	// SeenFrom reports whether the user agent and the address are those of a recent
	// session of the account: at least of its domain.RecentSessions newest that are not
	// ended, and as many that ended last. Every login from an unknown device asks.
	SeenFrom(ctx context.Context, accountID domain.ID, userAgent, ip string) (bool, error)
	// Advance writes the refresh state, Generation, LastSeenAt and ExpiresAt of s
	// where the session is not ended and its position (nonce, counter and retries) is
	// still from. Of many contenders one succeeds. Whoever moves Generation gives a
	// new nonce and counter 0 with it, so that every position before is stale. Errors:
	// ErrStale.
	Advance(ctx context.Context, s domain.Session, from domain.RefreshPosition) error
	// End ends the session; ended is false when it was ended before or does not
	// exist. Of many contenders one gets true.
	End(ctx context.Context, id domain.ID, reason domain.EndReason, at time.Time) (ended bool, err error)
	// EndAll ends every session of the account that is not ended, but not except
	// (empty: no exception), and returns how many.
	EndAll(ctx context.Context, accountID, except domain.ID, reason domain.EndReason, at time.Time) (int, error)
	// Purge removes at most limit sessions that ended or expired before the
	// instant, and returns how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}
