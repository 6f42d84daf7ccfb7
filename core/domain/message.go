package domain

import (
	"maps"
	"time"
)

// MessageKind names the template of a message.
type MessageKind string

// The kinds of message. Those with a link carry a one-time token (Purpose); the others
// have none: whoever did what they tell of may read them, too.
const (
	MessageVerifyEmail   MessageKind = "verify_email"
	MessageChangeEmail   MessageKind = "change_email"   // to the address wanted
	MessageResetPassword MessageKind = "reset_password" // to whom the address belongs, if to anybody

	MessageEmailChanged     MessageKind = "email_changed"     // to the address before, with a link to undo it
	MessageEmailRestored    MessageKind = "email_restored"    // after that was used
	MessagePasswordChanged  MessageKind = "password_changed"  // by somebody who knew the old one
	MessagePasswordReset    MessageKind = "password_reset"    // by somebody who read the mail
	MessageNewDevice        MessageKind = "new_device"        // a login from a device not seen before
	MessageSessionTheft     MessageKind = "session_theft"     // a session ended by an old refresh token
	MessageAccountDeleted   MessageKind = "account_deleted"   // by its owner, or by an administrator
	MessageRegisteredBefore MessageKind = "registered_before" // somebody registers with the address of an account
)

// MessageKinds lists them all.
func MessageKinds() []MessageKind {
	return []MessageKind{
		MessageVerifyEmail, MessageChangeEmail, MessageResetPassword,
		MessageEmailChanged, MessageEmailRestored, MessagePasswordChanged, MessagePasswordReset, MessageNewDevice,
		MessageSessionTheft, MessageAccountDeleted, MessageRegisteredBefore,
	}
}

// Purpose is what the one-time token in messages of the kind is good for.
func (k MessageKind) Purpose() (purpose TokenPurpose, found bool) {
	switch k {
	case MessageVerifyEmail:
		return TokenVerifyEmail, true
	case MessageChangeEmail:
		return TokenChangeEmail, true
	case MessageResetPassword:
		return TokenResetPassword, true
	case MessageEmailChanged:
		return TokenUndoEmail, true
	default:
		return "", false
	}
}

// MessageState is the place of a message in the outbox.
type MessageState string

// A message is pending until it is sent or, after the last attempt, abandoned.
const (
	MessagePending   MessageState = "pending"
	MessageSent      MessageState = "sent"
	MessageAbandoned MessageState = "abandoned"
)

// Message is one e-mail in the outbox: what is to be said, and not yet in which words.
// It is written in the transaction of the change that it tells of, and delivered at
// least once.
type Message struct {
	ID   ID // also the stable Message-ID, so that duplicates can be recognised
	Kind MessageKind
	// AccountID is empty where the sender must not learn whether anybody has the
	// address: who it belongs to is looked up at delivery.
	AccountID  ID
	Generation int64             // the account's AuthGeneration when it was written; 0: looked up at delivery
	To         string            // address as its owner typed it
	Locale     string            // BCP 47; empty: the service's own
	Data       map[string]string // facts for the words, by the Data keys; no secret
	State      MessageState
	CreatedAt  time.Time
	// Attempt counts the claims so far. A claim's number is its claimant's proof
	// that the message is still its own; it says nothing about trouble.
	Attempt int
	// Failures counts the attempts that failed and were to be repeated.
	Failures int
	// DueAt is when the message may be claimed next: its creation, the end of the
	// present claim's lease, or the instant that it was given back until.
	DueAt     time.Time
	SettledAt time.Time // when it was sent or abandoned; zero while pending
	LastError string    // why the last failed attempt did, without addresses or secrets
}

// The keys of Message.Data.
const (
	DataAt      = "at"      // when it happened: RFC 3339
	DataBegan   = "began"   // when the session began: RFC 3339
	DataDevice  = "device"  // what the User-Agent says: text of the client's choice
	DataAddress = "address" // network address of the client
	DataKey     = "key"     // id of the key that the token's secret is made with; not for words
)

// NewMessage makes a pending message to the account's owner that is due at once.
func NewMessage(id ID, kind MessageKind, account Account, data map[string]string, now time.Time) Message {
	now = Instant(now)
	return Message{
		ID: id, Kind: kind, AccountID: account.ID, Generation: account.Version.AuthGeneration,
		To: account.Email.Address, Locale: account.Locale, Data: data,
		State: MessagePending, CreatedAt: now, DueAt: now,
	}
}

// NewMessageTo is NewMessage to whoever has the address then, if anybody.
func NewMessageTo(id ID, kind MessageKind, address string, now time.Time) Message {
	now = Instant(now)
	return Message{ID: id, Kind: kind, To: address, State: MessagePending, CreatedAt: now, DueAt: now}
}

// NewTheftNotice makes the message about a session that ended because an old refresh
// token of it was presented. It names nothing that would help whoever reads it besides
// the owner.
func NewTheftNotice(id ID, account Account, session Session, now time.Time) Message {
	return NewMessage(id, MessageSessionTheft, account, map[string]string{DataBegan: session.CreatedAt.Format(time.RFC3339)}, now)
}

// TokenLabel is what the secret of the message's one-time token is made of, by a MAC:
// every attempt to send the message finds the same secret.
func (m Message) TokenLabel() []byte { return []byte(string(m.Kind) + "\x00" + string(m.ID)) }

// Clone returns a copy that shares no memory with m.
func (m Message) Clone() Message {
	m.Data = maps.Clone(m.Data)
	return m
}

// Letter is a message in words. It may hold the secret of a one-time token, so it is
// made for sending and never kept.
type Letter struct {
	ID        ID // of the message
	Kind      MessageKind
	To        string
	Subject   string
	Text      string
	HTML      string // empty: none
	CreatedAt time.Time
}

// String implements fmt.Stringer without the words.
func (l Letter) String() string { return "letter " + string(l.ID) + " (" + string(l.Kind) + ")" }

// GoString implements fmt.GoStringer like String.
func (l Letter) GoString() string { return l.String() }
