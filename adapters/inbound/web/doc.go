// Package web serves the pages that authserve renders itself: plain HTML under a strict
// content security policy, with nothing from elsewhere.
//
// MountLinkPages is where the links of mails lead: on the public listener, with one
// script that sends the token of the link when a person presses the button.
//
// Mailbox shows, in development, what the developer mailbox caught. Its messages
// hold links that log in or change passwords, so it belongs on the operations
// listener and on the loopback interface only; whoever mounts it sees to that.
package web
