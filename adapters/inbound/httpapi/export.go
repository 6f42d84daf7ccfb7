package httpapi

import (
	"context"
	"net/http"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/account"
	"authserve/core/domain"
)

func (a *api) export(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[export], error) {
	all, err := a.Owners.Export(ctx, r.Identity)
	return httpkit.Response[export]{
		Status: http.StatusOK, Body: newExport(all, r.Identity.Session.ID), SaveAs: "authserve-account.json",
	}, err
}

// export is everything that is kept of an account, but for secrets and what is made of
// them. Lists are there when they are empty.
type export struct {
	ExportedAt time.Time         `json:"exported_at"`
	Account    exportedAccount   `json:"account"`
	Password   *exportedPassword `json:"password"` // null: none was ever set
	Sessions   []exportedSession `json:"sessions"`
	Tokens     []exportedToken   `json:"one_time_tokens"`
	Messages   []exportedMessage `json:"messages"`
	Events     []exportedEvent   `json:"audit_events"`
}

type exportedAccount struct {
	user
	Status          domain.AccountStatus `json:"status"`
	EmailVerifiedAt *time.Time           `json:"email_verified_at"`
	LastLoginAt     *time.Time           `json:"last_login_at"`
}

type exportedPassword struct {
	ChangedAt time.Time `json:"changed_at"`
	Settings  string    `json:"settings"` // of the hash, without salt and digest
}

type exportedSession struct {
	sessionInfo
	ClientID          string           `json:"client_id"`
	AuthMethods       []string         `json:"auth_methods"`
	AbsoluteExpiresAt time.Time        `json:"absolute_expires_at"`
	EndedAt           *time.Time       `json:"ended_at"`
	EndReason         domain.EndReason `json:"end_reason"` // empty: it has not, or it expired
}

// exportedToken never shows the token, nor what is kept of it.
type exportedToken struct {
	Purpose   domain.TokenPurpose `json:"purpose"`
	Address   string              `json:"address"`
	CreatedAt time.Time           `json:"created_at"`
	ExpiresAt time.Time           `json:"expires_at"`
}

type exportedMessage struct {
	ID        domain.ID           `json:"id"`
	Kind      domain.MessageKind  `json:"kind"`
	To        string              `json:"to"`
	Locale    *string             `json:"locale"`
	Data      map[string]string   `json:"data"`
	State     domain.MessageState `json:"state"`
	CreatedAt time.Time           `json:"created_at"`
	SettledAt *time.Time          `json:"settled_at"` // when it was sent or given up
}

// exportedEvent names the person behind the event only where that is the owner, or
// somebody who did not say who it was.
type exportedEvent struct {
	ID            domain.ID          `json:"id"`
	At            time.Time          `json:"at"`
	Action        domain.AuditAction `json:"action"`
	ActorKind     domain.ActorKind   `json:"actor"`
	SessionID     *domain.ID         `json:"session_id"`
	IP            *string            `json:"ip"`
	UserAgent     *string            `json:"user_agent"`
	CorrelationID *string            `json:"correlation_id"`
	Detail        map[string]string  `json:"detail"`
}

func newExport(all account.Everything, current domain.ID) export {
	e := export{
		ExportedAt: all.At,
		Account: exportedAccount{
			user: newUser(all.Account), Status: all.Account.Status,
			EmailVerifiedAt: optional(all.Account.EmailVerifiedAt), LastLoginAt: optional(all.Account.LastLoginAt),
		},
		Sessions: mapped(all.Sessions, func(s domain.Session) exportedSession {
			return exportedSession{
				sessionInfo: newSessionInfo(s, current), ClientID: s.ClientID, AuthMethods: append([]string{}, s.AuthMethods...),
				AbsoluteExpiresAt: s.AbsoluteExpiresAt, EndedAt: optional(s.EndedAt), EndReason: s.EndReason,
			}
		}),
		Tokens: mapped(all.Tokens, func(t domain.OneTimeToken) exportedToken {
			return exportedToken{Purpose: t.Purpose, Address: t.Address.Address, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
		}),
		Messages: mapped(all.Messages, func(m domain.Message) exportedMessage {
			return exportedMessage{
				ID: m.ID, Kind: m.Kind, To: m.To, Locale: optional(m.Locale), Data: facts(m.Data),
				State: m.State, CreatedAt: m.CreatedAt, SettledAt: optional(m.SettledAt),
			}
		}),
		Events: mapped(all.Events, func(event domain.AuditEvent) exportedEvent { return newExportedEvent(event, all.Account.ID) }),
	}
	if !all.Credential.Hash.IsZero() {
		e.Password = &exportedPassword{ChangedAt: all.Credential.ChangedAt, Settings: domain.SettingsOf(all.Credential.Hash)}
	}
	return e
}

func newExportedEvent(event domain.AuditEvent, owner domain.ID) exportedEvent {
	e := exportedEvent{ID: event.ID, At: event.At, Action: event.Action, ActorKind: event.Actor.Kind, Detail: facts(event.Detail)}
	if event.Actor.Kind == domain.ActorAnonymous || event.Actor.ID == string(owner) {
		e.SessionID, e.IP = optional(event.Actor.SessionID), optional(event.Actor.IP)
		e.UserAgent, e.CorrelationID = optional(event.Actor.UserAgent), optional(event.Actor.CorrelationID)
	}
	return e
}

// optional is nil for what is not there.
func optional[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func mapped[From, To any](list []From, to func(From) To) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = to(v)
	}
	return out
}

// facts is m, as an object where it is empty.
func facts(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
