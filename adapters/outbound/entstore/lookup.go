package entstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"

	"authserve/core/domain"
	"authserve/ent"
)

// Every authenticated request reads one session and one account by id, every refresh
// moves one session on, and every login finds an account, its credential and whether
// it has sessions to end. Ent builds the text of a statement anew each time, which
// costs more than running it, so these have fixed texts, and so has what Ent cannot
// say. Everything else goes through Ent, but for imports.
type statements struct {
	sessionByID, advanceSession, moreSessions  string
	latestActive, latestEnded                  string
	accountByID, accountByEmail, accountByName string
	credentialByID                             string
	countFailure                               string
}

func newStatements(name string) statements {
	const account = "SELECT id, email, email_canonical, username, username_canonical, display_name, locale, status, roles, " +
		"email_verified_at, auth_generation, credential_version, profile_version, created_at, updated_at, " +
		"last_login_at FROM accounts WHERE "
	s := statements{
		sessionByID: "SELECT id, account_id, generation, client_id, auth_methods, ip, user_agent, created_at, last_seen_at, " +
			"expires_at, absolute_expires_at, ended_at, end_reason, refresh_nonce, refresh_counter, refresh_retries, " +
			"refresh_key_id, refresh_rotated_at, refresh_retry_key FROM sessions WHERE id = ?",
		advanceSession: "UPDATE sessions SET generation = ?, last_seen_at = ?, expires_at = ?, refresh_nonce = ?, " +
			"refresh_counter = ?, refresh_retries = ?, refresh_key_id = ?, refresh_rotated_at = ?, refresh_retry_key = ? " +
			"WHERE id = ? AND ended_at IS NULL AND refresh_nonce = ? AND refresh_counter = ? AND refresh_retries = ?",
		moreSessions:   "SELECT 1 FROM sessions WHERE account_id = ? AND ended_at IS NULL LIMIT 1 OFFSET ?",
		latestActive:   latestSessions("ended_at IS NULL", "created_at DESC"),
		latestEnded:    latestSessions("ended_at IS NOT NULL", "ended_at DESC, created_at DESC"),
		accountByID:    account + "id = ?",
		accountByEmail: account + "email_canonical = ?",
		accountByName:  account + "username_canonical = ?",
		credentialByID: "SELECT password_hash, version, changed_at FROM credentials WHERE id = ?",
		countFailure: "INSERT INTO throttles (id, failures, last_failure_at) VALUES (?, 1, ?) " +
			"ON CONFLICT (id) DO UPDATE SET failures = throttles.failures + 1, last_failure_at = excluded.last_failure_at",
	}
	switch name {
	case dialect.MySQL:
		s.countFailure = "INSERT INTO throttles (id, failures, last_failure_at) VALUES (?, 1, ?) " +
			"ON DUPLICATE KEY UPDATE failures = failures + 1, last_failure_at = VALUES(last_failure_at)"
	case dialect.Postgres:
		// It does not see that what is NULL throughout needs no sorting.
		s.latestActive = latestSessions("ended_at IS NULL", "ended_at DESC, created_at DESC")
		for _, text := range []*string{
			&s.sessionByID, &s.advanceSession, &s.moreSessions, &s.latestActive, &s.latestEnded,
			&s.accountByID, &s.accountByEmail, &s.accountByName, &s.credentialByID, &s.countFailure,
		} {
			*text = numbered(*text)
		}
	}
	return s
}

// latestSessions are where some of an account's sessions were from, the latest of them,
// in the order of the index.
func latestSessions(which, order string) string {
	return fmt.Sprintf("SELECT user_agent, ip FROM sessions WHERE account_id = ? AND %s ORDER BY %s LIMIT %d", which, order, domain.RecentSessions)
}

// numbered turns ? into $1, $2 and so on. No text here has a ? of another kind.
func numbered(text string) string {
	var out strings.Builder
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			fmt.Fprintf(&out, "$%d", n)
		}
		out.WriteString(part)
		n++
	}
	return out.String()
}

func (t *tx) sessionByID(ctx context.Context, id string) (*ent.Session, error) {
	row := new(ent.Session)
	err := t.lookup(ctx, t.statements.sessionByID, []any{id},
		&row.ID, &row.AccountID, &row.Generation, &row.ClientID, list{&row.AuthMethods}, &row.IP, &row.UserAgent,
		&row.CreatedAt, &row.LastSeenAt, &row.ExpiresAt, &row.AbsoluteExpiresAt, &row.EndedAt, &row.EndReason,
		&row.RefreshNonce, &row.RefreshCounter, &row.RefreshRetries, &row.RefreshKeyID, &row.RefreshRotatedAt,
		&row.RefreshRetryKey)
	return row, err
}

// account reads the one account that query, a statement for accounts, finds by key.
func (t *tx) account(ctx context.Context, query, key string) (*ent.Account, error) {
	row := new(ent.Account)
	err := t.lookup(ctx, query, []any{key},
		&row.ID, &row.Email, &row.EmailCanonical, &row.Username, &row.UsernameCanonical, &row.DisplayName, &row.Locale, &row.Status,
		list{&row.Roles}, &row.EmailVerifiedAt, &row.AuthGeneration, &row.CredentialVersion, &row.ProfileVersion,
		&row.CreatedAt, &row.UpdatedAt, &row.LastLoginAt)
	return row, err
}

func (t *tx) credentialByID(ctx context.Context, accountID string) (*ent.Credential, error) {
	row := new(ent.Credential)
	err := t.lookup(ctx, t.statements.credentialByID, []any{accountID}, &row.PasswordHash, &row.Version, &row.ChangedAt)
	return row, err
}

// hasMoreSessions reports whether the account has more than so many that are not
// ended, expired ones included. The index alone tells.
func (t *tx) hasMoreSessions(ctx context.Context, accountID string, than int) (bool, error) {
	var one int
	err := t.lookup(ctx, t.statements.moreSessions, []any{accountID, than}, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// sessionSeenFrom looks at the account's sessions that go on first: the login of a
// program without a memory is mostly found there, in the first row.
func (t *tx) sessionSeenFrom(ctx context.Context, accountID, userAgent, ip string) (bool, error) {
	for _, query := range []string{t.statements.latestActive, t.statements.latestEnded} {
		if seen, err := t.anyFrom(ctx, query, accountID, userAgent, ip); seen || err != nil {
			return seen, err
		}
	}
	return false, nil
}

func (t *tx) anyFrom(ctx context.Context, query, accountID, userAgent, ip string) (bool, error) {
	rows, err := t.sql.QueryContext(ctx, query, accountID)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var kept struct{ userAgent, ip string }
		if err := rows.Scan(&kept.userAgent, &kept.ip); err != nil {
			return false, err
		}
		if kept.userAgent == userAgent && kept.ip == ip {
			return true, nil
		}
	}
	return false, rows.Err()
}

// advanceSession returns how many rows it changed.
func (t *tx) advanceSession(ctx context.Context, v domain.Session, from domain.RefreshPosition) (int, error) {
	var retryKey any // NULL without one
	if v.Refresh.RetryKey != nil {
		retryKey = v.Refresh.RetryKey
	}
	result, err := t.sql.ExecContext(ctx, t.statements.advanceSession,
		v.Generation, domain.Instant(v.LastSeenAt), domain.Instant(v.ExpiresAt), v.Refresh.Nonce,
		v.Refresh.Counter, v.Refresh.Retries, v.Refresh.KeyID, optional(v.Refresh.RotatedAt), retryKey,
		string(v.ID), from.Nonce, from.Counter, from.Retries)
	if err != nil {
		return 0, err
	}
	changed, err := result.RowsAffected()
	return int(changed), err
}

// lookup reads the one row of query, or fails with sql.ErrNoRows.
func (t *tx) lookup(ctx context.Context, query string, args []any, columns ...any) error {
	rows, err := t.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(columns...); err != nil {
		return err
	}
	return rows.Err()
}

// list scans a JSON array.
type list struct{ into *[]string }

var _ sql.Scanner = list{}

// Scan implements sql.Scanner.
func (l list) Scan(value any) error {
	switch v := value.(type) {
	case []byte:
		return json.Unmarshal(v, l.into)
	case string:
		return json.Unmarshal([]byte(v), l.into)
	default:
		return fmt.Errorf("a JSON column holds %T", value)
	}
}
