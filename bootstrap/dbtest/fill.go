package dbtest

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"authserve/core/domain"
	"authserve/ports/fake"
)

// Filled is what Fill left in a database: names for some of its rows. Whatever was made
// was made before Now, a second apart, and the newest has the highest number.
type Filled struct {
	Accounts, Sessions int
	Now                time.Time
}

// Account is the identifier of account n, from 1. Account 1 is the busy one: each
// hundredth session and event is its.
func (Filled) Account(n int) domain.ID { return domain.ID(rowID(accountRow, n)) }

// Session is the identifier of session n, from 1. Those whose number 3 or 17 divides
// are not active.
func (Filled) Session(n int) domain.ID { return domain.ID(rowID(sessionRow, n)) }

// Token is the hash of one-time token n, from 1: account n's, to undo for Former(n)
// where n is even.
func (Filled) Token(n int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n)) } //nolint:gosec // from 1

// Former is the canonical address that account n had, as its token says.
func (Filled) Former(n int) string { return fmt.Sprintf("%08x@former.example", n) }

// Throttle is the key of throttle n, from 1.
func (f Filled) Throttle(n int) []byte { return f.Token(n) }

// Erased is account n of those that were erased, from 1; each tenth is pending.
func (Filled) Erased(n int) domain.ID { return domain.ID(rowID(erasedRow, n)) }

// Email is the canonical e-mail address of account n: it begins with eight digits in
// hexadecimal that are spread evenly, in no order.
func (Filled) Email(n int) string {
	return fmt.Sprintf("%08x-%d@example.org", uint32(n)*emailFactor, n) //nolint:gosec // what it loses is meant to be lost
}

// The kinds of rows, and odd factors that spread their numbers over 32 bits.
const (
	accountRow, sessionRow, eventRow, messageRow, keyRow, erasedRow = 0, 1, 2, 3, 4, 5

	emailFactor, usernameFactor = 2654435761, 2246822519
)

func rowID(kind, n int) string { return fmt.Sprintf("01900000-0000-7000-8%03d-%012x", kind, n) }

// writer writes what databases call by different names.
type writer struct {
	id   func(kind int, n string) string
	hex  func(x string, width int) string
	at   func(seconds string) string // so many after fake.Epoch
	blob string
	json func(literal string) string
	// number is the type of n, in the series of rows.
	number string
	before []string // on the connection that fills
	// indexes asks for two statements, which drop indexes and make them again: an index is
	// made at once in a fraction of the time that it takes row by row.
	indexes string
	after   []string
}

// Fill fills the tables of a database that has the schema, and nothing else, as years
// would: accounts with a credential each, two sessions for five of them, of which most
// are active, an event for each, all but the newest with a place in a chain, some messages, one-time tokens, throttles, erasures and
// idempotency records, and the keys.
// A million accounts take some 20 seconds. PostgreSQL and MySQL get their statistics as
// well; SQLite gets them from Store.Optimize.
func Fill(ctx context.Context, url string, accounts int) (filled Filled, err error) {
	db, w, err := filler(url)
	if err != nil {
		return Filled{}, err
	}
	defer db.Close() //nolint:errcheck // what was written is committed
	db.SetMaxOpenConns(1)
	filled = Filled{Accounts: accounts, Sessions: accounts * 2 / 5, Now: fake.Epoch()}
	drop, create, err := readPairs(ctx, db, w.indexes)
	if err != nil {
		return Filled{}, err
	}
	for _, query := range slices.Concat(w.before, drop, w.rows(filled), create, w.after) {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return Filled{}, fmt.Errorf("%s: %w", query, err)
		}
	}
	return filled, nil
}

// readPairs reads two columns of text.
func readPairs(ctx context.Context, db *sql.DB, query string) (firsts, seconds []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	for rows.Next() {
		var first, second string
		if err := rows.Scan(&first, &second); err != nil {
			return nil, nil, err
		}
		firsts, seconds = append(firsts, first), append(seconds, second)
	}
	return firsts, seconds, nil
}

// filler opens the database of url, which is one for entstore.
func filler(url string) (*sql.DB, writer, error) {
	scheme, rest, _ := strings.Cut(url, "://")
	switch scheme {
	case "postgres":
		db, err := postgresPool(url)
		return db, postgresWriter(), err
	case "mysql":
		_, place, _ := strings.Cut(rest, "@")
		addr, database, _ := strings.Cut(place, "/")
		db, err := mysqlPool(addr, database)
		return db, mysqlWriter(), err
	default:
		db, err := sql.Open("sqlite3", "file:"+rest) // entstore has registered the driver
		return db, sqliteWriter(), err
	}
}

func (w writer) rows(f Filled) []string {
	hash := "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("s", 22) + "$" + strings.Repeat("d", 43)
	events, few := f.Accounts, max(f.Accounts/100, 10)
	whose := func(rows string) string { // each hundredth is the busy account's
		return w.id(accountRow, fmt.Sprintf("CASE WHEN n %% 100 = 0 THEN 1 ELSE 1 + (n * 7919) %% %s END", rows))
	}
	total := fmt.Sprint(f.Accounts)
	past := func(rows int) string { return w.at(fmt.Sprintf("n - %d", rows)) }
	former := w.hex("n", 8) + " || '@former.example'"
	email := w.scattered(emailFactor) + " || '-' || n || '@"
	username := "CASE WHEN n % 10 = 0 THEN NULL ELSE " + w.scattered(usernameFactor) + " || '_' || n END"
	return []string{
		w.insert("accounts", f.Accounts, [][2]string{
			{"id", w.id(accountRow, "n")},
			{"email", email + "Example.org'"},
			{"email_canonical", email + "example.org'"},
			{"username", username},
			{"username_canonical", username},
			{"display_name", "'User Number ' || n"},
			{"locale", either("n % 3 = 0", "de", "")},
			{"status", either("n % 100 = 0", string(domain.AccountDisabled), string(domain.AccountActive))},
			{"roles", w.json(`["user"]`)},
			{"email_verified_at", "CASE WHEN n % 50 = 0 THEN NULL ELSE " + past(f.Accounts) + " END"},
			{"auth_generation", "1"},
			{"credential_version", "1"},
			{"profile_version", "1"},
			{"created_at", past(f.Accounts)},
			{"updated_at", past(f.Accounts)},
		}),
		w.insert("credentials", f.Accounts, [][2]string{
			{"id", w.id(accountRow, "n")},
			{"password_hash", "'" + hash + "'"},
			{"settings", "'" + domain.SettingsOf(domain.NewSecret(hash)) + "'"},
			{"version", "1"},
			{"changed_at", past(f.Accounts)},
		}),
		w.insert("sessions", f.Sessions, [][2]string{
			{"id", w.id(sessionRow, "n")},
			{"account_id", whose(total)},
			{"generation", "1"},
			{"client_id", "'" + domain.FirstPartyClient + "'"},
			{"auth_methods", w.json(`["pwd"]`)},
			{"ip", "'192.0.2.1'"},
			{"user_agent", "'Example/1.0 (Fixture)'"},
			{"created_at", past(f.Sessions)},
			{"last_seen_at", past(f.Sessions)},
			{"expires_at", "CASE WHEN n % 17 = 0 THEN " + past(f.Sessions) + " ELSE " + w.at("86400 + n") + " END"},
			{"absolute_expires_at", w.at("2592000 + n")},
			{"ended_at", "CASE WHEN n % 3 = 0 THEN " + past(f.Sessions) + " ELSE NULL END"},
			{"end_reason", either("n % 3 = 0", string(domain.EndedByLogout), "")},
			{"refresh_nonce", w.blob},
			{"refresh_counter", "0"},
			{"refresh_retries", "0"},
			{"refresh_key_id", "'k1'"},
		}),
		w.insert("audit_events", events, [][2]string{
			{"id", w.id(eventRow, "n")},
			{"at", past(events)},
			{"actor_kind", "'" + string(domain.ActorAccount) + "'"},
			{"actor_id", whose(total)},
			{"actor_session_id", "''"},
			{"actor_ip", "'192.0.2.1'"},
			{"actor_user_agent", "'Example/1.0 (Fixture)'"},
			{"correlation_id", "'correlation-' || n"},
			{"action", "CASE WHEN n % 1000 = 0 THEN '" + string(domain.AuditRefreshReused) + "' WHEN n % 20 = 0 THEN '" +
				string(domain.AuditLoginFailed) + "' ELSE '" + string(domain.AuditLoginSucceeded) + "' END"},
			{"subject", whose(total)},
			{"detail", w.json("{}")},
			{"chain_seq", fmt.Sprintf("CASE WHEN n <= %d THEN n ELSE NULL END", events-unchained(events))},
		}),
		w.insert("messages", few, [][2]string{
			{"id", w.id(messageRow, "n")},
			{"kind", "'" + string(domain.MessageSessionTheft) + "'"},
			{"account_id", whose(total)},
			{"generation", "1"},
			{"recipient", "'user' || n || '@example.org'"},
			{"locale", "''"},
			{"data", w.json("{}")},
			{"state", either("n % 10 = 0", string(domain.MessagePending), string(domain.MessageSent))},
			{"created_at", past(few)},
			{"attempt", "1"},
			{"failures", "0"},
			{"due_at", "CASE WHEN n % 20 = 10 THEN " + w.at("3600") + " ELSE " + past(few) + " END"},
			{"settled_at", "CASE WHEN n % 10 = 0 THEN NULL ELSE " + past(few) + " END"},
			{"last_error", "''"},
		}),
		w.insert("idempotency_records", few, [][2]string{
			{"id", w.hex("n", 64)},
			{"body", w.blob},
			{"resource", w.id(accountRow, "n")},
			{"created_at", past(few)},
			{"expires_at", w.at(fmt.Sprintf("n - %d", few/2))},
		}),
		w.insert("one_time_tokens", few, [][2]string{
			{"id", w.hex("n", 64)},
			{"account_id", w.id(accountRow, "n")},
			{"purpose", either("n % 2 = 0", string(domain.TokenUndoEmail), string(domain.TokenResetPassword))},
			{"slot", "CASE WHEN n % 2 = 0 THEN " + former + " ELSE '' END"},
			{"address", former},
			{"address_canonical", former},
			{"generation", "1"},
			{"created_at", past(few)},
			{"expires_at", w.at(fmt.Sprintf("n - %d", few/2))},
		}),
		w.insert("throttles", few, [][2]string{
			{"id", w.hex("n", 64)},
			{"failures", "1 + n % 7"},
			{"last_failure_at", past(few)},
		}),
		w.insert("erasures", few, [][2]string{
			{"id", w.id(erasedRow, "n")},
			{"at", past(few)},
			{"finished_at", "CASE WHEN n % 10 = 0 THEN NULL ELSE " + past(few) + " END"},
		}),
		w.insert("signing_keys", 3, [][2]string{
			{"id", w.id(keyRow, "n")},
			{"algorithm", "'" + string(domain.ES256) + "'"},
			{"state", "'" + string(domain.KeyRetired) + "'"},
			{"public_key", w.blob},
			{"sealed_private_key", w.blob},
			{"created_at", past(3)},
			{"state_since", past(3)},
		}),
	}
}

// unchained is how many of the events, the newest, have no link yet.
func unchained(events int) int { return min(events, 1000) }

func (w writer) scattered(factor int) string {
	return w.hex(fmt.Sprintf("(n * %d) %% 4294967296", factor), 8)
}

func either(condition, yes, no string) string {
	return "CASE WHEN " + condition + " THEN '" + yes + "' ELSE '" + no + "' END"
}

// insert fills a table with rows n from 1 on.
func (w writer) insert(table string, rows int, columns [][2]string) string {
	names, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], values[i] = c[0], c[1]
	}
	return fmt.Sprintf("INSERT INTO %s (%s) WITH RECURSIVE series(n) AS (SELECT CAST(1 AS %s) UNION ALL SELECT n + 1 FROM series WHERE n < %d) SELECT %s FROM series",
		table, strings.Join(names, ", "), w.number, rows, strings.Join(values, ", "))
}
