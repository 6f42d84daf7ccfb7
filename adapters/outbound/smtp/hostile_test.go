package smtp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"authserve/core/domain"
	"authserve/ports/fake"
)

// converse is a mail system that answers line by line: by what answer says to a command,
// or as all others do. An empty answer is silence from then on.
func converse(answer func(command string) (reply string, handled bool)) func(net.Conn) {
	return func(c net.Conn) {
		say := func(reply string) { _, _ = io.WriteString(c, reply) }
		reply, handled := answer("")
		if !handled {
			reply = "220 hello\r\n"
		}
		say(reply)
		inData := false
		for lines := bufio.NewScanner(c); reply != "" && lines.Scan(); {
			line := lines.Text()
			if inData && line != "." {
				continue
			}
			inData = line == "DATA"
			if reply, handled = answer(line); !handled {
				switch {
				case strings.HasPrefix(line, "EHLO"):
					reply = "250-mx\r\n250 AUTH PLAIN\r\n"
				case strings.HasPrefix(line, "AUTH"):
					reply = "235 fine\r\n"
				case inData:
					reply = "354 go on\r\n"
				default:
					reply = "250 fine\r\n"
				}
			}
			say(reply)
		}
		_, _ = io.Copy(io.Discard, c) // until the other side hangs up
	}
}

// at answers one command with reply and leaves the others alone.
func at(step, reply string) func(string) (string, bool) {
	return func(command string) (string, bool) {
		return reply, command == step || step != "" && strings.HasPrefix(command, step)
	}
}

func TestAServerThatFallsSilent(t *testing.T) {
	t.Parallel()
	steps := map[string]string{ // by command: what failed
		"": "greeting", "EHLO": "EHLO", "AUTH": "AUTH", "MAIL": "MAIL", "RCPT": "RCPT", "DATA": "DATA", ".": "content",
	}
	for step, mention := range steps {
		t.Run(mention, func(t *testing.T) {
			t.Parallel()
			address := script(t, converse(at(step, "")))
			err := newMailer(t, "smtp", good, address, "tls=none", nil, withTimeout(50*time.Millisecond)).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, domain.KindUnavailable, mention)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Send: got %v, want the end of its time", err)
			}
		})
	}
}

// A server that says a little now and then stays within each step's patience, and must
// not get more time for it.
func TestAServerThatDripsGetsNoMoreTime(t *testing.T) {
	t.Parallel()
	address := script(t, func(c net.Conn) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, "220-x\r\n"); err != nil {
				return
			}
		}
	})
	err := newMailer(t, "smtp", "", address, "tls=none", nil, withTimeout(50*time.Millisecond)).Send(t.Context(), fake.Letter(1))
	checkFailure(t, err, domain.KindUnavailable, "greeting")
}

func TestAServerThatNeverEndsItsReply(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{"of many lines": "250-" + strings.Repeat("x", 500) + "\r\n", "of one line": strings.Repeat("x", 500)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := make(chan int, 1)
			address := script(t, func(c net.Conn) {
				n, total := 0, 0
				_, err := io.WriteString(c, "220 hello\r\n250-")
				for ; err == nil && total < 1<<26; n, err = io.WriteString(c, line) {
					total += n
				}
				sent <- total
			})
			err := newMailer(t, "smtp", "", address, "tls=none", nil).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, domain.KindUnavailable, "the server does not come to an end")
			if total := <-sent; total >= 1<<26 {
				t.Errorf("the server could say %d bytes, want that we hang up before", total)
			}
		})
	}
}

// What somebody in the middle can do to a connection before it is encrypted.
func TestStrippedAndSpoiledSTARTTLS(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, ehlo, startTLS, mention string }{
		{"not offered", "250-mx\r\n250 AUTH PLAIN\r\n", "220 go\r\n", "no STARTTLS"},
		{"offered as something else", "250-mx\r\n250-XXXXXXXX\r\n250 AUTH PLAIN\r\n", "220 go\r\n", "no STARTTLS"},
		{"refused", "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "454 not now\r\n", "STARTTLS: reply 454"},
		{"refused for good", "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "502 unknown\r\n", "STARTTLS: reply 502"},
		{"answered in the clear", "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n235 fine\r\n250 fine\r\n250 fine\r\n", "STARTTLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var after []string // what was said in the clear after STARTTLS, or without it
			done := make(chan struct{})
			talk := converse(func(command string) (string, bool) {
				switch {
				case strings.HasPrefix(command, "EHLO"):
					return tt.ehlo, true
				case command == "STARTTLS":
					return tt.startTLS, true
				case command != "":
					after = append(after, command)
				}
				return "", false
			})
			address := script(t, func(c net.Conn) { defer close(done); talk(c) })
			err := newMailer(t, "smtp", good, address, "", nil, withTimeout(2*time.Second)).Send(t.Context(), fake.Letter(1))
			checkFailure(t, err, domain.KindUnavailable, tt.mention)
			<-done
			for _, command := range after {
				for _, word := range []string{"AUTH", "MAIL", "RCPT", "DATA"} {
					if strings.HasPrefix(command, word) {
						t.Errorf("in the clear: got %q, want nothing of the kind", command)
					}
				}
			}
		})
	}
}
