package domain

import "time"

// AuditAction names what happened.
type AuditAction string

// The audited actions.
const (
	AuditAccountCreated     AuditAction = "account.created"
	AuditAccountRefused     AuditAction = "account.refused" // the address has an account, and the caller is not told
	AuditAccountImported    AuditAction = "account.imported"
	AuditAccountDeleted     AuditAction = "account.deleted"
	AuditAccountExpired     AuditAction = "account.expired" // never verified
	AuditAccountExported    AuditAction = "account.exported"
	AuditProfileChanged     AuditAction = "profile.changed"
	AuditEmailVerified      AuditAction = "email.verified"
	AuditVerificationAsked  AuditAction = "email.verification_requested"
	AuditEmailAsked         AuditAction = "email.change_requested"
	AuditEmailChanged       AuditAction = "email.changed"
	AuditEmailRestored      AuditAction = "email.restored"
	AuditLoginSucceeded     AuditAction = "login.succeeded"
	AuditLoginFailed        AuditAction = "login.failed"
	AuditSessionEnded       AuditAction = "session.ended"
	AuditRefreshReused      AuditAction = "refresh.reuse_detected"
	AuditRefreshCounterLead AuditAction = "refresh.counter_ahead"
	AuditPasswordChanged    AuditAction = "password.changed"
	AuditPasswordRefused    AuditAction = "password.refused" // asked for again on an authenticated call
	AuditPasswordAsked      AuditAction = "password.reset_requested"
	AuditPasswordReset      AuditAction = "password.reset"
	AuditTokenRefused       AuditAction = "one_time_token.refused"
	AuditPasswordRehashed   AuditAction = "password.rehashed"
	AuditKeyCreated         AuditAction = "key.created"
	AuditKeyStateChanged    AuditAction = "key.state_changed"
	AuditDatabaseRestored   AuditAction = "database.restored"
	AuditAccessDenied       AuditAction = "access.denied" // to callers that nobody knows, counted
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
	actor.Network = "" // for limits only; the log has the address
	return AuditEvent{ID: id, At: Instant(now), Actor: actor, Action: action, Subject: subject, Detail: detail}
}

// AuditFilter narrows a reading of the audit log. Empty fields do not filter.
type AuditFilter struct {
	Subject ID
	Action  AuditAction
}
