package domain

import "time"

// MessageKind names the template of a message.
type MessageKind string

// The kinds of message.
const (
	// MessageSessionTheft tells the owner that a session was ended because an old
	// refresh token of it was presented.
	MessageSessionTheft MessageKind = "session_theft"
	// MessagePasswordChanged tells the owner that the password was changed by somebody
	// who knew the old one.
	MessagePasswordChanged MessageKind = "password_changed"
)

// MessageState is the place of a message in the outbox.
type MessageState string

// A message is pending until it is sent or, after the last attempt, abandoned.
const (
	MessagePending   MessageState = "pending"
	MessageSent      MessageState = "sent"
	MessageAbandoned MessageState = "abandoned"
)

// Message is one e-mail in the outbox. It is written in the transaction of the
// change that it tells of, and delivered at least once.
type Message struct {
	ID        ID // also the stable Message-ID, so that duplicates can be recognised
	Kind      MessageKind
	AccountID ID
	To        string // address as its owner typed it
	Subject   string
	Text      string
	State     MessageState
	CreatedAt time.Time
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

// newMessage makes a pending message to the account's owner that is due at once.
func newMessage(id ID, kind MessageKind, account Account, now time.Time, subject, text string) Message {
	return Message{
		ID: id, Kind: kind, AccountID: account.ID, To: account.Email.Address, Subject: subject, Text: text,
		State: MessagePending, CreatedAt: Instant(now), DueAt: Instant(now),
	}
}

// NewTheftNotice makes the message about a session that ended because an old
// refresh token of it was presented. It names nothing that would help whoever
// reads it besides the owner.
func NewTheftNotice(id ID, account Account, session Session, now time.Time) Message {
	return newMessage(id, MessageSessionTheft, account, now, "A session of your account was ended",
		"We ended the session of your account that began on "+session.CreatedAt.Format(noticeTime)+".\n\n"+
			"Somebody presented an outdated copy of its refresh token. This happens when a token was copied, "+
			"and sometimes when a device restores an old backup.\n\n"+
			"Please sign in again on that device. If you do not recognise the session, somebody may have got hold of "+
			"your password or of a device: tell the people who run this service.\n")
}

// NewPasswordNotice makes the message about a password that was changed with the old
// one. It has no link: whoever changed the password may read this mail, too.
func NewPasswordNotice(id ID, account Account, now time.Time) Message {
	return newMessage(id, MessagePasswordChanged, account, now, "The password of your account was changed",
		"The password of your account was changed on "+now.UTC().Format(noticeTime)+". All other sessions were ended.\n\n"+
			"If this was you, there is nothing to do. If it was not, somebody knows your old password: tell the people "+
			"who run this service at once, and change that password wherever else you use it.\n")
}

// noticeTime is how notices write an instant.
const noticeTime = "2 January 2006 at 15:04 UTC"
