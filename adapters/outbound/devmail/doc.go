// Package devmail is the developer mailbox: a mailer that delivers nothing and
// keeps the last letters in memory, where the operations listener shows them.
package devmail
