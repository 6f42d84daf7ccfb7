// Package account creates accounts. It also changes profiles and
// passwords; verification of e-mail addresses, password reset, export and deletion
// belong here too, a file each.
//
// Registration checks every field before it does any work, refuses a taken e-mail
// or username before it spends a hash, asks last whether the password was breached
// (and goes on when that cannot be told), hashes outside of any transaction, and lets
// the unique indexes decide the race.
package account
