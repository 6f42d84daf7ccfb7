// Package account creates accounts. Verification of e-mail addresses, profiles,
// password change and reset, export and deletion belong here too, a file each.
//
// Registration checks every field before it does any work, refuses a taken e-mail
// or username before it spends a hash, asks last whether the password was breached
// (and goes on when that cannot be told), hashes outside of any transaction, and lets
// the unique indexes decide the race.
package account
