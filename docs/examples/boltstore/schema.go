package boltstore

import (
	"encoding/binary"
	"slices"
	"time"

	"authserve/core/domain"
)

// The buckets, but for those of the rows themselves.
const (
	accountsByEmail    = "accounts.by_email"
	accountsByUsername = "accounts.by_username"
	accountsUnverified = "accounts.unverified"
	sessionsByAccount  = "sessions.by_account"
	sessionsOpen       = "sessions.open" // by account and creation, those that have not ended
	sessionsByEnd      = "sessions.by_end"
	messagesDue        = "messages.due"     // the pending ones
	messagesSettled    = "messages.settled" // the others
	messagesByAccount  = "messages.by_account"
	eventsByTime       = "events.by_time"
	eventsBySubject    = "events.by_subject"
	eventsByActor      = "events.by_actor"
	eventsByAction     = "events.by_action"
	eventsUnchained    = "events.unchained" // of those that have no link: Link takes them out
	linksBySeq         = "links.by_seq"
	auditEnds          = "audit_ends" // from which end of the chain to domain.AuditHead
	recordsByExpiry    = "records.by_expiry"
	tokensBySlot       = "tokens.by_slot" // by account, purpose and slot
	tokensToUndo       = "tokens.to_undo" // by address
	tokensByExpiry     = "tokens.by_expiry"
	throttlesByFailure = "throttles.by_failure"
	erasuresPending    = "erasures.pending"
	guardCounts        = "guards" // from name to count
)

// schema is every table that the store has.
type schema struct {
	accounts    table[domain.Account]
	credentials table[credentialRow]
	sessions    table[domain.Session]
	keys        table[domain.SigningKey]
	messages    table[domain.Message]
	events      table[domain.AuditEvent]
	links       table[domain.AuditLink]
	records     table[domain.IdempotencyRecord]
	tokens      table[domain.OneTimeToken]
	throttles   table[domain.Throttle]
	erasures    table[domain.Erasure]
}

func newSchema() *schema {
	return &schema{
		accounts: table[domain.Account]{
			bucket: "accounts", field: "id",
			key: func(a domain.Account) []byte { return []byte(a.ID) },
			instants: func(a *domain.Account) []*time.Time {
				return []*time.Time{&a.EmailVerifiedAt, &a.CreatedAt, &a.UpdatedAt, &a.LastLoginAt}
			},
			indexes: []index[domain.Account]{
				{bucket: accountsByEmail, field: "email", key: func(a domain.Account) []byte { return []byte(a.Email.Canonical) }},
				{bucket: accountsByUsername, field: "username", key: func(a domain.Account) []byte {
					return unless(a.Username.IsZero(), []byte(a.Username.Canonical))
				}},
				{bucket: accountsUnverified, key: func(a domain.Account) []byte {
					return unless(a.EmailVerified(), positionKey(a.CreatedAt, a.ID))
				}},
			},
		},
		credentials: table[credentialRow]{
			bucket: "credentials", field: "account_id",
			key:      func(c credentialRow) []byte { return []byte(c.AccountID) },
			instants: func(c *credentialRow) []*time.Time { return []*time.Time{&c.ChangedAt} },
		},
		sessions: table[domain.Session]{
			bucket: "sessions", field: "id",
			key: func(s domain.Session) []byte { return []byte(s.ID) },
			instants: func(s *domain.Session) []*time.Time {
				return []*time.Time{&s.CreatedAt, &s.LastSeenAt, &s.ExpiresAt, &s.AbsoluteExpiresAt, &s.EndedAt, &s.Refresh.RotatedAt}
			},
			indexes: []index[domain.Session]{
				{bucket: sessionsOpen, key: func(s domain.Session) []byte {
					return unless(!s.EndedAt.IsZero(), under(string(s.AccountID), positionKey(s.CreatedAt, s.ID)))
				}},
				{bucket: sessionsByAccount, key: func(s domain.Session) []byte {
					return under(string(s.AccountID), positionKey(s.CreatedAt, s.ID))
				}},
				{bucket: sessionsByEnd, key: func(s domain.Session) []byte { return positionKey(endOf(s), s.ID) }},
			},
		},
		keys: table[domain.SigningKey]{
			bucket: "keys", field: "id",
			key:      func(k domain.SigningKey) []byte { return []byte(k.ID) },
			instants: func(k *domain.SigningKey) []*time.Time { return []*time.Time{&k.CreatedAt, &k.StateSince} },
		},
		messages: table[domain.Message]{
			bucket: "messages", field: "id",
			key: func(m domain.Message) []byte { return []byte(m.ID) },
			instants: func(m *domain.Message) []*time.Time {
				return []*time.Time{&m.CreatedAt, &m.DueAt, &m.SettledAt}
			},
			indexes: []index[domain.Message]{
				{bucket: messagesDue, key: func(m domain.Message) []byte {
					return unless(m.State != domain.MessagePending, positionKey(m.DueAt, m.ID))
				}},
				{bucket: messagesSettled, key: func(m domain.Message) []byte {
					return unless(m.State == domain.MessagePending, positionKey(m.SettledAt, m.ID))
				}},
				{bucket: messagesByAccount, key: func(m domain.Message) []byte {
					return unless(m.AccountID == "", under(string(m.AccountID), positionKey(m.CreatedAt, m.ID)))
				}},
			},
		},
		events: table[domain.AuditEvent]{
			bucket: "events", field: "id",
			key:      func(e domain.AuditEvent) []byte { return []byte(e.ID) },
			instants: func(e *domain.AuditEvent) []*time.Time { return []*time.Time{&e.At} },
			indexes: []index[domain.AuditEvent]{
				{bucket: eventsByTime, key: func(e domain.AuditEvent) []byte { return positionKey(e.At, e.ID) }},
				{bucket: eventsBySubject, key: func(e domain.AuditEvent) []byte {
					return unless(e.Subject == "", under(string(e.Subject), positionKey(e.At, e.ID)))
				}},
				{bucket: eventsByActor, key: func(e domain.AuditEvent) []byte {
					return unless(e.Actor.ID == "", under(e.Actor.ID, positionKey(e.At, e.ID)))
				}},
				{bucket: eventsByAction, key: func(e domain.AuditEvent) []byte {
					return under(string(e.Action), positionKey(e.At, e.ID))
				}},
				{bucket: eventsUnchained, key: func(e domain.AuditEvent) []byte { return positionKey(e.At, e.ID) }},
			},
		},
		links: table[domain.AuditLink]{
			bucket: "links", field: "event_id",
			key:      func(l domain.AuditLink) []byte { return []byte(l.EventID) },
			instants: func(*domain.AuditLink) []*time.Time { return nil },
			indexes: []index[domain.AuditLink]{
				{bucket: linksBySeq, key: func(l domain.AuditLink) []byte { return append(seqKey(l.Seq), l.EventID...) }},
			},
		},
		records: table[domain.IdempotencyRecord]{
			bucket: "records", field: "key",
			key:      func(r domain.IdempotencyRecord) []byte { return r.Key },
			instants: func(r *domain.IdempotencyRecord) []*time.Time { return []*time.Time{&r.CreatedAt, &r.ExpiresAt} },
			indexes: []index[domain.IdempotencyRecord]{
				{bucket: recordsByExpiry, key: func(r domain.IdempotencyRecord) []byte {
					return append(instantKey(r.ExpiresAt), r.Key...)
				}},
			},
		},
		tokens:    tokenTable(),
		throttles: throttleTable(),
		erasures:  erasureTable(),
	}
}

func tokenTable() table[domain.OneTimeToken] {
	return table[domain.OneTimeToken]{
		bucket: "tokens", field: "hash",
		key:      func(t domain.OneTimeToken) []byte { return t.Hash },
		instants: func(t *domain.OneTimeToken) []*time.Time { return []*time.Time{&t.CreatedAt, &t.ExpiresAt} },
		indexes: []index[domain.OneTimeToken]{
			{bucket: tokensBySlot, field: "slot", key: slotKey},
			{bucket: tokensToUndo, key: func(t domain.OneTimeToken) []byte {
				return unless(t.Purpose != domain.TokenUndoEmail, under(t.Slot(), t.Hash))
			}},
			{bucket: tokensByExpiry, key: func(t domain.OneTimeToken) []byte { return append(instantKey(t.ExpiresAt), t.Hash...) }},
		},
	}
}

// slotKey is the key of the place that one token can have.
func slotKey(t domain.OneTimeToken) []byte {
	return under(string(t.AccountID), under(string(t.Purpose), []byte(t.Slot())))
}

func throttleTable() table[domain.Throttle] {
	return table[domain.Throttle]{
		bucket: "throttles", field: "key",
		key:      func(t domain.Throttle) []byte { return t.Key },
		instants: func(t *domain.Throttle) []*time.Time { return []*time.Time{&t.LastFailure} },
		indexes: []index[domain.Throttle]{
			{bucket: throttlesByFailure, key: func(t domain.Throttle) []byte { return append(instantKey(t.LastFailure), t.Key...) }},
		},
	}
}

func erasureTable() table[domain.Erasure] {
	return table[domain.Erasure]{
		bucket: "erasures", field: "id",
		key:      func(e domain.Erasure) []byte { return []byte(e.AccountID) },
		instants: func(e *domain.Erasure) []*time.Time { return []*time.Time{&e.At, &e.FinishedAt} },
		indexes: []index[domain.Erasure]{
			{bucket: erasuresPending, key: func(e domain.Erasure) []byte {
				return unless(!e.FinishedAt.IsZero(), positionKey(e.At, e.AccountID))
			}},
		},
	}
}

// buckets names every bucket.
func (s *schema) buckets() []string {
	return slices.Concat([]string{guardCounts, auditEnds},
		s.accounts.buckets(), s.credentials.buckets(), s.sessions.buckets(), s.keys.buckets(),
		s.messages.buckets(), s.events.buckets(), s.links.buckets(), s.records.buckets(),
		s.tokens.buckets(), s.throttles.buckets(), s.erasures.buckets())
}

func (t table[T]) buckets() []string {
	names := []string{t.bucket}
	for _, ix := range t.indexes {
		names = append(names, ix.bucket)
	}
	return names
}

// instantSize is the length of an instant in a key, in bytes.
const instantSize = 8

// instantKey sorts as instants do: microseconds since 1970, big-endian, with the
// sign turned round so that earlier years come first.
func instantKey(at time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(domain.Instant(at).UnixMicro())^(1<<63))
}

// positionKey sorts as domain.Position does, by instant and then by ID. Every list
// has such keys: bbolt walks them in order, so a page is a seek and a few steps.
func positionKey(at time.Time, id domain.ID) []byte { return append(instantKey(at), id...) }

// positionIn is the inverse of positionKey.
func positionIn(key []byte) domain.Position {
	micro := int64(binary.BigEndian.Uint64(key[:instantSize]) ^ (1 << 63))
	return domain.Position{At: time.UnixMicro(micro).UTC(), ID: domain.ID(key[instantSize:])}
}

// under puts key under a name. No name that is used here, such as an ID or an audit
// action, has a zero byte, so none is the beginning of another.
func under(name string, key []byte) []byte {
	return append(append([]byte(name), 0), key...)
}

// endOf is when the session was over, or will be if nothing happens.
func endOf(s domain.Session) time.Time {
	if !s.EndedAt.IsZero() && s.EndedAt.Before(s.ExpiresAt) {
		return s.EndedAt
	}
	return s.ExpiresAt
}

func unless(out bool, key []byte) []byte {
	if out {
		return nil
	}
	return key
}
