// Package letters puts messages into words: in plain text and in HTML, by templates in
// English and German, or in any language that an operator adds.
//
// The templates are inside the program. A folder can replace each of them, and add
// languages; all of its files are read, parsed and rendered with sample facts when a
// Writer is made, so that a fault shows at start and not in the mail of somebody who
// forgot a password.
//
// A letter says nothing that would help whoever reads it besides the owner. Links stand
// in letters that carry a one-time token and nowhere else, begin with a configured
// address, never one that a client sent, and have the token in the fragment, which
// browsers do not send to servers and proxies do not see. What clients chose themselves
// is escaped in HTML, and in text is one short line that no program takes for a link.
package letters
