package fake

import (
	"fmt"
	"slices"
	"time"

	"authserve/core/domain"
)

// Epoch is the time at which every fixture was made: whole microseconds, and not
// whole milliseconds.
func Epoch() time.Time { return time.Date(2026, time.March, 1, 12, 30, 45, 123456000, time.UTC) }

// Account is active, with a verified address, a username and a display name.
func Account(n int, options ...func(*domain.Account)) domain.Account {
	typed, name := fmt.Sprintf("User%d", n), fmt.Sprintf("user%d", n)
	return with(domain.Account{
		ID:              id(kindAccount, int64(n)),
		Email:           domain.Email{Address: typed + "@Example.org", Canonical: name + "@example.org"},
		Username:        domain.Username{Name: typed, Canonical: name},
		DisplayName:     fmt.Sprintf("User Number %d", n),
		Locale:          "de",
		Status:          domain.AccountActive,
		Roles:           []domain.Role{domain.RoleUser},
		EmailVerifiedAt: Epoch(),
		Version:         domain.AccountVersion{AuthGeneration: 1, Credential: 1, Profile: 1},
		CreatedAt:       Epoch(),
		UpdatedAt:       Epoch(),
	}, options)
}

// Credential belongs to a, at its present version. No password has its hash.
func Credential(a domain.Account, options ...func(*domain.Credential)) domain.Credential {
	return with(domain.Credential{
		AccountID: a.ID,
		Hash:      domain.NewSecret("$fake$1$0$of-" + string(a.ID)),
		Version:   a.Version.Credential,
		ChangedAt: Epoch(),
	}, options)
}

// Session is one of a's, begun at Epoch and good for 30 days.
func Session(n int, a domain.Account, options ...func(*domain.Session)) domain.Session {
	expires := Epoch().Add(30 * 24 * time.Hour)
	return with(domain.Session{
		ID:                id(kindSession, int64(n)),
		AccountID:         a.ID,
		Generation:        a.Version.AuthGeneration,
		ClientID:          domain.FirstPartyClient,
		AuthMethods:       []string{"pwd"},
		IP:                "192.0.2.1",
		UserAgent:         "Example/1.0 (Fixture)",
		CreatedAt:         Epoch(),
		LastSeenAt:        Epoch(),
		ExpiresAt:         expires,
		AbsoluteExpiresAt: expires,
		Refresh: domain.RefreshState{
			RefreshPosition: domain.RefreshPosition{Nonce: octets(n, domain.NonceSize)},
			KeyID:           "k1",
		},
	}, options)
}

// SigningKey is active. Its halves are bytes, not a usable key pair.
func SigningKey(n int, options ...func(*domain.SigningKey)) domain.SigningKey {
	return with(domain.SigningKey{
		ID:            id(kindKey, int64(n)),
		Algorithm:     domain.ES256,
		State:         domain.KeyActive,
		Public:        octets(n, 91),
		SealedPrivate: octets(n, 160),
		CreatedAt:     Epoch(),
		StateSince:    Epoch(),
	}, options)
}

// Message is pending and due at Epoch.
func Message(n int, options ...func(*domain.Message)) domain.Message {
	a := Account(n)
	return with(domain.Message{
		ID:         id(kindMessage, int64(n)),
		Kind:       domain.MessageSessionTheft,
		AccountID:  a.ID,
		Generation: a.Version.AuthGeneration,
		To:         a.Email.Address,
		Locale:     "en",
		Data:       map[string]string{domain.DataBegan: Epoch().Format(time.RFC3339)},
		State:      domain.MessagePending,
		CreatedAt:  Epoch(),
		DueAt:      Epoch(),
	}, options)
}

// Letter is message n in words.
func Letter(n int, options ...func(*domain.Letter)) domain.Letter {
	m := Message(n)
	return with(domain.Letter{
		ID:        m.ID,
		Kind:      m.Kind,
		To:        m.To,
		Subject:   "We ended one of your sessions",
		Text:      "Somebody presented an old token.\n\nIf that was you, log in again.\n",
		HTML:      "<p>Somebody presented an old token.</p>\n",
		CreatedAt: m.CreatedAt,
	}, options)
}

// OneTimeToken is one of a's to reset the password, asked for at Epoch.
func OneTimeToken(n int, a domain.Account, options ...func(*domain.OneTimeToken)) domain.OneTimeToken {
	return with(domain.OneTimeToken{
		Hash:       octets(n, 32),
		AccountID:  a.ID,
		Purpose:    domain.TokenResetPassword,
		Address:    a.Email,
		Generation: a.Version.AuthGeneration,
		CreatedAt:  Epoch(),
		ExpiresAt:  Epoch().Add(domain.TokenResetPassword.TTL()),
	}, options)
}

// AuditEvent tells that account n logged in at Epoch.
func AuditEvent(n int, options ...func(*domain.AuditEvent)) domain.AuditEvent {
	subject := id(kindAccount, int64(n))
	return with(domain.AuditEvent{
		ID: id(kindEvent, int64(n)),
		At: Epoch(),
		Actor: domain.Actor{
			Kind: domain.ActorAccount, ID: string(subject), SessionID: id(kindSession, int64(n)),
			IP: "192.0.2.1", UserAgent: "Example/1.0 (Fixture)", CorrelationID: fmt.Sprintf("correlation-%d", n),
		},
		Action:  domain.AuditLoginSucceeded,
		Subject: subject,
		Detail:  map[string]string{"method": "password"},
	}, options)
}

// IdempotencyRecord was made at Epoch and is good for the usual window.
func IdempotencyRecord(n int, options ...func(*domain.IdempotencyRecord)) domain.IdempotencyRecord {
	return with(domain.IdempotencyRecord{
		Key:       octets(n, 32),
		Body:      octets(n+1, 32),
		Resource:  id(kindResource, int64(n)),
		CreatedAt: Epoch(),
		ExpiresAt: Epoch().Add(domain.IdempotencyWindow),
	}, options)
}

func with[T any](value T, options []func(*T)) T {
	for _, option := range options {
		option(&value)
	}
	return value
}

// octets returns size bytes that differ as n does; among them are 0x00 and bytes
// that are no UTF-8.
func octets(n, size int) []byte {
	out := slices.Repeat([]byte{0x00, 0xff}, size)[:size]
	copy(out[2:], fmt.Sprintf("%010d", n))
	return out
}
