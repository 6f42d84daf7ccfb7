package domain_test

import (
	"testing"
	"time"

	"authserve/core/domain"
)

func TestJudgeRefresh(t *testing.T) {
	t.Parallel()
	const grace = 30 * time.Second
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	limits := domain.SessionLimits{Idle: time.Hour * 24 * 14, Absolute: time.Hour * 24 * 30, Grace: grace}
	base := domain.NewSession("s", domain.Account{ID: "a"}, nil, make([]byte, domain.NonceSize), "k", limits, domain.Actor{}, start)
	base = base.Rotated(4, "k", []byte("key"), limits, start) // current: 5
	ended, tired := base.Clone(), base.Clone()
	ended.EndedAt = start
	tired.Refresh.Retries = domain.MaxRefreshRetries

	for _, c := range []struct {
		name    string
		session domain.Session
		counter int64
		key     string
		after   time.Duration
		want    domain.RefreshVerdict
	}{
		{"the current token", base, 5, "", time.Hour, domain.RefreshRotate},
		{"the spent token, in grace", base, 4, "", grace, domain.RefreshReplay},
		{"the spent token, a microsecond late", base, 4, "", grace + time.Microsecond, domain.RefreshReuse},
		{"the spent token, late, with its key", base, 4, "key", 24 * time.Hour, domain.RefreshReplay},
		{"the spent token, late, with another key", base, 4, "other", time.Hour, domain.RefreshReuse},
		{"the spent token with its key, after a day", base, 4, "key", 24*time.Hour + time.Microsecond, domain.RefreshReuse},
		{"an older token, in grace", base, 3, "", 0, domain.RefreshReuse},
		{"an older token with the key", base, 3, "key", 0, domain.RefreshReuse},
		{"a newer token", base, 6, "", 0, domain.RefreshAhead},
		{"one retry too many", tired, 4, "", 0, domain.RefreshRetryLimit},
		{"too many retries, but late", tired, 4, "", time.Hour, domain.RefreshReuse},
		{"an ended session", ended, 5, "", 0, domain.RefreshEnded},
		{"an ended session, old token", ended, 1, "", 0, domain.RefreshEnded},
		{"at the idle limit", base, 5, "", limits.Idle, domain.RefreshExpired},
		{"before the idle limit", base, 5, "", limits.Idle - time.Microsecond, domain.RefreshRotate},
		{"the clock went back", base, 4, "", -time.Hour, domain.RefreshReplay},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var key []byte
			if c.key != "" {
				key = []byte(c.key)
			}
			if got := c.session.JudgeRefresh(c.counter, key, start.Add(c.after), grace); got != c.want {
				t.Errorf("verdict = %d; want %d", got, c.want)
			}
		})
	}
}

func TestAbsoluteLimitOutlastsRotation(t *testing.T) {
	t.Parallel()
	limits := domain.SessionLimits{Idle: 2 * time.Hour, Absolute: 3 * time.Hour}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := domain.NewSession("s", domain.Account{}, nil, nil, "k", limits, domain.Actor{}, start)
	s = s.Rotated(0, "k", nil, limits, start.Add(2*time.Hour-time.Second))
	if want := start.Add(3 * time.Hour); !s.ExpiresAt.Equal(want) {
		t.Errorf("expires at %v; want the absolute limit %v", s.ExpiresAt, want)
	}
	if s.IsActive(start.Add(3*time.Hour)) || !s.IsActive(start.Add(3*time.Hour-time.Second)) {
		t.Error("the session does not end at its absolute limit")
	}
}

func TestSessionCopiesShareNothing(t *testing.T) {
	t.Parallel()
	nonce := []byte{1, 2, 3}
	s := domain.NewSession("s", domain.Account{}, []string{"pwd"}, nonce, "k", domain.SessionLimits{}, domain.Actor{}, time.Time{})
	nonce[0] = 9
	c := s.Clone()
	c.Refresh.Nonce[1], c.AuthMethods[0] = 9, "x"
	if s.Refresh.Nonce[0] != 1 || s.Refresh.Nonce[1] != 2 || s.AuthMethods[0] != "pwd" {
		t.Errorf("session shares memory: %+v", s)
	}
}
