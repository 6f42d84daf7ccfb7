// Package delivery moves messages from the outbox to the mail system.
//
// The change that a message tells of and the message itself are written in one
// transaction, elsewhere. Here a Relay claims a batch under a lease, hands each
// message to the mailer outside of any transaction, and settles each in a
// transaction of its own: sent, to be tried again after a pause, or abandoned.
// Messages with a link get their one-time token here, provided that they still have a
// point (recipient tells when); the token to undo a change of address is made with the
// change. What a relay does not come to it gives back, which is no failure of the message.
// Any number of relays may work on one outbox.
//
// Delivery is at least once. A process that dies between the mail system's
// acceptance and the settling leaves a claim behind; after the lease the message
// is sent again, with the same Message-ID (RFC 5322 section 3.6.4).
package delivery
