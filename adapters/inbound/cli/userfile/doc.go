// Package userfile reads the users of other programs from files: JSON Lines, CSV,
// and a table of an SQLite database.
//
// Open looks at the names of the columns first, where the format has them, and
// fails when an account could not be made from them. File.Rows then gives a row
// after the other and never holds more than one. Names are those of the table in
// fields.go; a column of any other name is left out and named by File.Ignored, so
// that nothing is lost unnoticed. A row that cannot be understood comes with an
// error of its own, and reading goes on after it; an error that is not a
// domain.Error ends the reading.
package userfile
