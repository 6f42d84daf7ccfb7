// Package account is the life of an account: it registers, verifies and changes e-mail
// addresses, changes profiles and passwords, resets these, shows owners what is kept of
// them, and deletes it. A flow has a file of its own.
//
// Registration checks every field before it does any work, refuses a taken e-mail
// or username before it spends a hash, asks last whether the password was breached
// (and goes on when that cannot be told), hashes outside of any transaction, and lets
// the unique indexes decide the race. Where it is private, it does the same whether the
// address is taken or not.
//
// Keeper asks owners for the password again before what cannot be taken back, and spends
// one-time tokens. A token is found, judged and spent in the transaction of what it is
// good for; each such transaction writes the account on condition of its version, so it
// is tried again where something else was written meanwhile, and refused where that
// made the token void. Tokens are made when their mail is sent (core/delivery), but for
// those that undo a change of address: these are made with the change.
package account
