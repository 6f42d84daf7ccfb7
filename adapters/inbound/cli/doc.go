// Package cli is the command line of authserve: it turns arguments into calls of
// the functions it is given, and their results into text, JSON and exit codes. It
// holds no logic of its own and knows neither the configuration nor the store. The
// files that users are imported from are read by the package userfile below it.
//
// Results go to standard output, everything else to standard error. The exit code
// is 0 for success, 1 for a failure, 2 for a call that makes no sense, and 3 for an
// import that refused rows.
package cli
