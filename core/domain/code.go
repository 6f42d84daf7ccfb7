package domain

// The stable codes. Each stands in the catalogue below with its meaning;
// adapters add only codes of their own protocol.
const (
	CodeInternal              Code = "internal"
	CodeValidation            Code = "validation_failed"
	CodeInvalidCredentials    Code = "invalid_credentials"
	CodeMissingToken          Code = "missing_token"
	CodeInvalidToken          Code = "invalid_token"
	CodeTokenExpired          Code = "token_expired"
	CodeSessionEnded          Code = "session_ended"
	CodeInvalidRefreshToken   Code = "invalid_refresh_token"
	CodeRefreshRetryLimit     Code = "refresh_retry_limit"
	CodeForbidden             Code = "forbidden"
	CodeWrongPassword         Code = "wrong_password"
	CodeNotFound              Code = "not_found"
	CodeConflict              Code = "conflict"
	CodeEmailTaken            Code = "email_taken"
	CodeUsernameTaken         Code = "username_taken"
	CodeStale                 Code = "stale"
	CodeTooManyAttempts       Code = "too_many_attempts"
	CodeRateLimited           Code = "rate_limited"
	CodeEmailNotVerified      Code = "email_not_verified"
	CodeInvalidOneTimeToken   Code = "invalid_one_time_token"
	CodeIdempotencyMismatch   Code = "idempotency_key_reused"
	CodeIdempotencyInFlight   Code = "idempotency_in_flight"
	CodeDependencyUnavailable Code = "dependency_unavailable"
	CodeOverloaded            Code = "overloaded"

	// Codes of single fields.
	CodeRequired         Code = "required"
	CodeTooShort         Code = "too_short"
	CodeTooLong          Code = "too_long"
	CodeInvalidFormat    Code = "invalid_format"
	CodeInvalidCharacter Code = "invalid_character"
	CodeReserved         Code = "reserved"
	CodeUnknownValue     Code = "unknown_value"
	CodeTooCommon        Code = "too_common"
	CodeContainsContext  Code = "contains_context"
	CodeBreached         Code = "breached"
	CodeUnchanged        Code = "unchanged"
)

// CodeDoc is one line of the catalogue of errors.
type CodeDoc struct {
	Code    Code
	Kind    Kind
	Meaning string
}

// Catalogue lists every code that a use case returns as the code of a whole
// answer, in the order of the documents.
func Catalogue() []CodeDoc {
	return []CodeDoc{
		{CodeValidation, KindInvalid, "The body is well formed, and one or more fields break a rule; `errors` names each."},
		{CodeInvalidCredentials, KindUnauthenticated, "No account with this identifier, a wrong password, or a disabled account: told apart by nothing."},
		{CodeMissingToken, KindUnauthenticated, "The call needs a bearer token and got none."},
		{CodeInvalidToken, KindUnauthenticated, "The access token is malformed, forged, for another audience or issuer, not yet valid, of an unknown key, or older than the account's last security change."},
		{CodeTokenExpired, KindUnauthenticated, "The access token was valid once; refresh it."},
		{CodeSessionEnded, KindUnauthenticated, "The session of this access token has ended: by logout, by expiry, by the owner, or by detected token theft."},
		{CodeInvalidRefreshToken, KindUnauthenticated, "The refresh token is malformed, forged, expired, already used, or of an ended session."},
		{CodeRefreshRetryLimit, KindConflict, "This refresh token was exchanged, and presented too often inside its grace window. Use the successor that was answered, and do not present this one again: after the window that ends the session."},
		{CodeForbidden, KindForbidden, "The caller is known and may not do this."},
		{CodeWrongPassword, KindForbidden, "The caller is known, and the password that this call asks for again is wrong."},
		{CodeEmailNotVerified, KindForbidden, "The password is right, and the e-mail address must be verified before anybody logs in."},
		{CodeInvalidOneTimeToken, KindInvalid, "The token of a mail is malformed, unknown, expired, used, replaced by a newer one, or was outdated by a change of the account: told apart by nothing."},
		{CodeTooManyAttempts, KindTooMany, "Too many failed attempts to prove who one is, for this account from here; or too many mails to one address. Retry-After says how long to wait."},
		{CodeRateLimited, KindTooMany, "The caller's network, or the service as a whole, asks too often; RateLimit and Retry-After say when to go on."},
		{CodeNotFound, KindNotFound, "The object does not exist, or not for this caller."},
		{CodeConflict, KindConflict, "A value that must be unique is taken."},
		{CodeEmailTaken, KindConflict, "An account with this e-mail address exists."},
		{CodeUsernameTaken, KindConflict, "An account with this username exists."},
		{CodeStale, KindStale, "The object changed since it was read; read it again."},
		{CodeIdempotencyMismatch, KindInvalid, "This Idempotency-Key was used before with another body."},
		{CodeIdempotencyInFlight, KindConflict, "A call with this Idempotency-Key is under way; try again shortly."},
		{CodeDependencyUnavailable, KindUnavailable, "A required dependency does not answer; nothing was changed unless a later read shows it."},
		{CodeOverloaded, KindOverloaded, "The service has more work than it can do in time; try again after Retry-After."},
		{CodeInternal, KindInternal, "A fault of the service; the correlation_id finds it in the logs."},
	}
}

// FieldCodeDoc is one line of the catalogue of field errors.
type FieldCodeDoc struct {
	Code    Code
	Meaning string
}

// FieldCatalogue lists every code of a single field.
func FieldCatalogue() []FieldCodeDoc {
	return []FieldCodeDoc{
		{CodeRequired, "It is missing or empty."},
		{CodeTooShort, "It has fewer characters than the rule asks for."},
		{CodeTooLong, "It has more characters or bytes than are read."},
		{CodeInvalidFormat, "It has not the form that is asked for."},
		{CodeInvalidCharacter, "It holds a character that is not allowed."},
		{CodeReserved, "It is kept for the service itself."},
		{CodeUnknownValue, "It is none of the values that are known."},
		{CodeTooCommon, "The password is one that many people have."},
		{CodeContainsContext, "The password is made of little more than what is known of its account, or of the service's name."},
		{CodeBreached, "The password became public in a breach."},
		{CodeUnchanged, "It is what is there already."},
	}
}
