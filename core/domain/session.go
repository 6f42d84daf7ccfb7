package domain

import (
	"crypto/subtle"
	"slices"
	"time"
)

// EndReason tells why a session ended before its time.
type EndReason string

// The reasons.
const (
	EndedByLogout       EndReason = "logout"
	EndedByOwner        EndReason = "ended_by_owner"
	EndedByReuse        EndReason = "reuse_detected"
	EndedBySessionLimit EndReason = "session_limit"
	EndedByPassword     EndReason = "password_changed"
	EndedByReset        EndReason = "password_reset"
	EndedByEmail        EndReason = "email_changed"
	EndedByVerification EndReason = "email_verified" // begun before anybody had proved to read the address
	EndedByRestore      EndReason = "restored"       // of a snapshot of the database
)

// RecentSessions is how many of an account's sessions the login from an unknown device
// is compared with, of those that go on and again of those that ended.
const RecentSessions = 20

// Session is one login on one device. It is one row for its whole life: refresh
// tokens are derived from it (RefreshState), never stored.
type Session struct {
	ID                ID
	AccountID         ID
	Generation        int64 // the account's AuthGeneration that it is good for
	ClientID          string
	AuthMethods       []string // RFC 8176 values of the login
	IP                string
	UserAgent         string
	CreatedAt         time.Time // also the time of authentication
	LastSeenAt        time.Time // last login or rotation
	ExpiresAt         time.Time // the earlier of the idle and the absolute limit
	AbsoluteExpiresAt time.Time
	EndedAt           time.Time // zero: not ended
	EndReason         EndReason
	Refresh           RefreshState
}

// RefreshState is the part of a session that refreshing changes. A conditional
// write compares RefreshPosition, so one of many contenders wins.
type RefreshState struct {
	RefreshPosition
	KeyID     string    // keyring key that the tokens are derived with
	RotatedAt time.Time // when Counter became current; zero before the first rotation
	RetryKey  []byte    // MAC of the Idempotency-Key that spent Counter-1; nil: none
}

// RefreshPosition is what conditional writes to a session compare.
type RefreshPosition struct {
	Nonce   []byte // 32 random bytes; a new nonce makes every earlier token void
	Counter int64  // number of the current refresh token
	Retries int    // how often Counter-1 was answered again
}

// SessionLimits bound the life of sessions.
type SessionLimits struct {
	Idle     time.Duration // without a rotation
	Absolute time.Duration // since login, whatever happens
	Grace    time.Duration // in which a spent refresh token may be retried
}

// Bounds of retries of a spent refresh token.
const (
	MaxRefreshRetries = 10
	// RetryKeyWindow is how long a retry with the same Idempotency-Key is answered.
	RetryKeyWindow = 24 * time.Hour
	// NonceSize is the length of a session's nonce, in bytes.
	NonceSize = 32
)

// NewSession makes a session that starts now.
func NewSession(id ID, account Account, methods []string, nonce []byte, keyID string, limits SessionLimits, actor Actor, now time.Time) Session {
	now = Instant(now)
	s := Session{
		ID: id, AccountID: account.ID, Generation: account.Version.AuthGeneration,
		ClientID: FirstPartyClient, AuthMethods: slices.Clone(methods),
		IP: actor.IP, UserAgent: actor.UserAgent,
		CreatedAt: now, LastSeenAt: now, AbsoluteExpiresAt: now.Add(limits.Absolute),
		Refresh: RefreshState{RefreshPosition: RefreshPosition{Nonce: slices.Clone(nonce)}, KeyID: keyID},
	}
	s.ExpiresAt = earlier(now.Add(limits.Idle), s.AbsoluteExpiresAt)
	return s
}

// IsExpired reports whether the idle or the absolute limit has passed.
func (s Session) IsExpired(now time.Time) bool { return !now.Before(s.ExpiresAt) }

// IsActive reports whether tokens of the session are still good.
func (s Session) IsActive(now time.Time) bool { return s.EndedAt.IsZero() && !s.IsExpired(now) }

// Clone returns a copy that shares no memory with s.
func (s Session) Clone() Session {
	s.AuthMethods = slices.Clone(s.AuthMethods)
	s.Refresh.Nonce = slices.Clone(s.Refresh.Nonce)
	s.Refresh.RetryKey = slices.Clone(s.Refresh.RetryKey)
	return s
}

// RefreshVerdict is what a genuine refresh token is worth.
type RefreshVerdict uint8

// The verdicts.
const (
	RefreshEnded      RefreshVerdict = iota // the session is over: refuse
	RefreshExpired                          // a limit has passed: refuse
	RefreshRotate                           // the current token: spend it
	RefreshReplay                           // a retry of the spent one: same successor again
	RefreshRetryLimit                       // such a retry, once too often: refuse, change nothing
	RefreshAhead                            // newer than the row (restored backup, failover): move the row forward
	RefreshReuse                            // an old token: end the session
)

// JudgeRefresh says what to do with a genuine token of this session that carries
// counter. retryKey is the MAC of the caller's Idempotency-Key, nil without one.
//
// A token older than the one just spent, or that one outside its grace window,
// can only be presented by somebody who kept a copy: RFC 9700 section 4.14.2.
// The residual risk, a thief who keeps in step inside the window, is named in the
// threat model.
func (s Session) JudgeRefresh(counter int64, retryKey []byte, now time.Time, grace time.Duration) RefreshVerdict {
	current := s.Refresh.Counter
	switch {
	case !s.EndedAt.IsZero():
		return RefreshEnded
	case s.IsExpired(now):
		return RefreshExpired
	case counter == current:
		return RefreshRotate
	case counter > current:
		return RefreshAhead
	case counter < current-1 || !s.mayRetry(retryKey, now, grace):
		return RefreshReuse
	case s.Refresh.Retries >= MaxRefreshRetries:
		return RefreshRetryLimit
	default:
		return RefreshReplay
	}
}

func (s Session) mayRetry(retryKey []byte, now time.Time, grace time.Duration) bool {
	age := now.Sub(s.Refresh.RotatedAt)
	if age <= grace {
		return true
	}
	sameKey := len(retryKey) > 0 && subtle.ConstantTimeCompare(retryKey, s.Refresh.RetryKey) == 1
	return sameKey && age <= RetryKeyWindow
}

// Rotated returns the session after its token `spent` was exchanged at now for
// number spent+1. The idle limit starts anew; the absolute one stands.
func (s Session) Rotated(spent int64, keyID string, retryKey []byte, limits SessionLimits, now time.Time) Session {
	s = s.Clone()
	now = Instant(now)
	s.LastSeenAt = now
	s.ExpiresAt = earlier(now.Add(limits.Idle), s.AbsoluteExpiresAt)
	s.Refresh.KeyID = keyID
	s.Refresh.Counter = spent + 1
	s.Refresh.Retries = 0
	s.Refresh.RotatedAt = now
	s.Refresh.RetryKey = slices.Clone(retryKey)
	return s
}

// Renewed returns the session after a security event of its account at now: good for
// the new generation, and with a new nonce, so that every token before is void. The
// idle limit starts anew; the absolute one stands.
func (s Session) Renewed(generation int64, nonce []byte, keyID string, limits SessionLimits, now time.Time) Session {
	s = s.Clone()
	now = Instant(now)
	s.Generation, s.LastSeenAt = generation, now
	s.ExpiresAt = earlier(now.Add(limits.Idle), s.AbsoluteExpiresAt)
	s.Refresh = RefreshState{RefreshPosition: RefreshPosition{Nonce: slices.Clone(nonce)}, KeyID: keyID}
	return s
}

// Retried returns the session after one more retry was answered. Nothing is
// extended by it.
func (s Session) Retried() Session {
	s = s.Clone()
	s.Refresh.Retries++
	return s
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
