// Package web serves the pages that authserve renders itself: plain HTML that
// works without scripts, under a strict content security policy.
//
// Mailbox shows, in development, what the developer mailbox caught. Its messages
// hold links that log in or change passwords, so it belongs on the operations
// listener and on the loopback interface only; whoever mounts it sees to that.
package web
