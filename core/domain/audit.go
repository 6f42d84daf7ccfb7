package domain

import "time"

// AuditAction names what happened.
type AuditAction string

// The audited actions.
const (
	AuditAccountCreated     AuditAction = "account.created"
	AuditAccountImported    AuditAction = "account.imported"
	AuditProfileChanged     AuditAction = "profile.changed"
	AuditLoginSucceeded     AuditAction = "login.succeeded"
	AuditLoginFailed        AuditAction = "login.failed"
	AuditSessionEnded       AuditAction = "session.ended"
	AuditRefreshReused      AuditAction = "refresh.reuse_detected"
	AuditRefreshCounterLead AuditAction = "refresh.counter_ahead"
	AuditPasswordChanged    AuditAction = "password.changed"
	AuditPasswordRefused    AuditAction = "password.change_refused"
	AuditPasswordRehashed   AuditAction = "password.rehashed"
	AuditKeyCreated         AuditAction = "key.created"
	AuditKeyStateChanged    AuditAction = "key.state_changed"
	AuditDatabaseRestored   AuditAction = "database.restored"
)

// AuditEvent is one line of the audit log: who did what to whom, when, from
// where (OWASP ASVS 5.0 16.2.1). It holds no secret.
type AuditEvent struct {
	ID      ID
	At      time.Time
	Actor   Actor
	Action  AuditAction
	Subject ID                // the account concerned; empty when unknown
	Detail  map[string]string // small facts of the action, such as a reason
}

// NewAuditEvent makes an event of the actor's doing at now.
func NewAuditEvent(id ID, actor Actor, action AuditAction, subject ID, now time.Time, detail map[string]string) AuditEvent {
	return AuditEvent{ID: id, At: Instant(now), Actor: actor, Action: action, Subject: subject, Detail: detail}
}

// AuditFilter narrows a reading of the audit log. Empty fields do not filter.
type AuditFilter struct {
	Subject ID
	Action  AuditAction
}
