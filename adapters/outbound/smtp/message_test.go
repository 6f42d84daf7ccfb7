package smtp_test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/smtp"
	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestTheMessageAsItIsRead(t *testing.T) {
	t.Parallel()
	s := &server{}
	address, roots := s.start(t)
	m := fake.Letter(1, func(m *domain.Letter) {
		m.To = "Ada@Bücher.example"
		m.Subject = "Wir haben eine Ihrer Sitzungen beendet: Grüße"
		m.Text = "Zeile eins\n.\nFrom here on, ünïcode " + strings.Repeat("long ", 300) + "\n"
		m.HTML = "<p>Zeile eins</p>\n.\n<p>" + strings.Repeat("ü", 1500) + "</p>\n"
	})
	if err := newMailer(t, "smtp", "", address, "", roots, withFrom("Müller GmbH <no-reply@bücher.example>")).Send(t.Context(), m); err != nil {
		t.Fatalf("Send: %v", err)
	}
	got := s.all()[0]
	parsed, err := mail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatalf("the message %q: %v", got.data, err)
	}
	var words mime.WordDecoder
	subject, err := words.DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("Subject: got %q (%v), want %q", subject, err, m.Subject)
	}
	from, err := parsed.Header.AddressList("From")
	if err != nil || from[0].Name != "Müller GmbH" || from[0].Address != "no-reply@xn--bcher-kva.example" {
		t.Errorf("From: got %v (%v), want the name and the ASCII address", from, err)
	}
	to, err := parsed.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != "Ada@xn--bcher-kva.example" || to[0].Address != got.to {
		t.Errorf("To: got %v (%v), want the domain in ASCII, as in the envelope", to, err)
	}
	date, err := parsed.Header.Date()
	if err != nil || !date.Equal(m.CreatedAt.Truncate(time.Second)) {
		t.Errorf("Date: got %v (%v), want that of the message, %v", date, err, m.CreatedAt)
	}
	for header, want := range map[string]string{
		"Message-ID":     "<" + string(m.ID) + "@xn--bcher-kva.example>",
		"Auto-Submitted": "auto-generated",
		"MIME-Version":   "1.0",
		"Content-Type":   "multipart/alternative; boundary=authserve-" + string(m.ID),
		"User-Agent":     "",
		"X-Mailer":       "",
	} {
		if got := parsed.Header.Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	parts := readParts(t, parsed)
	if len(parts) != 2 { // the last is the one to show (RFC 2046 section 5.1.4)
		t.Fatalf("parts: got %v, want text and HTML", parts)
	}
	for i, want := range []part{{"text/plain; charset=UTF-8", m.Text}, {"text/html; charset=UTF-8", m.HTML}} {
		if parts[i].mediaType != want.mediaType || strings.TrimRight(parts[i].words, "\n") != strings.TrimRight(want.words, "\n") {
			t.Errorf("part %d: got %+v, want %+v", i, parts[i], want)
		}
	}
	for line := range strings.SplitSeq(got.data, "\r\n") {
		if len(line) > 998 { // RFC 5322 section 2.1.1
			t.Errorf("a line of %d bytes, want at most 998", len(line))
		}
	}
}

type part struct{ mediaType, words string }

// readParts are the parts of a message of several, decoded.
func readParts(t *testing.T, m *mail.Message) (parts []part) {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("Content-Type: %v", err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatalf("part: %v", err)
		}
		words, err := io.ReadAll(p)
		if err != nil {
			t.Fatalf("part: %v", err)
		}
		parts = append(parts, part{p.Header.Get("Content-Type"), strings.ReplaceAll(string(words), "\r\n", "\n")})
	}
}

func TestALetterWithoutHTMLIsPlain(t *testing.T) {
	t.Parallel()
	s := &server{}
	address, roots := s.start(t)
	if err := newMailer(t, "smtp", "", address, "", roots).Send(t.Context(), fake.Letter(1, func(l *domain.Letter) { l.HTML = "" })); err != nil {
		t.Fatalf("Send: %v", err)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(s.all()[0].data))
	if err != nil {
		t.Fatal(err)
	}
	if got := parsed.Header.Get("Content-Type"); got != "text/plain; charset=UTF-8" {
		t.Errorf("Content-Type: got %q, want plain text", got)
	}
}

// Whatever a letter says, its header stays what it is.
func TestWordsAddNoHeaders(t *testing.T) {
	t.Parallel()
	const attack = "x\r\nBcc: evil@example.net\r\n\r\n.\r\nMAIL FROM:<evil@example.net>\r\n"
	s := &server{}
	address, roots := s.start(t)
	l := fake.Letter(1, func(l *domain.Letter) {
		l.Text, l.HTML = attack, attack
		l.Subject = strings.Repeat("=?utf-8?q?=0D=0ABcc:_evil?= ", 20) + strings.Repeat("ü", 100)
	})
	if err := newMailer(t, "smtp", "", address, "", roots).Send(t.Context(), l); err != nil {
		t.Fatalf("Send: %v", err)
	}
	received := s.all()
	if len(received) != 1 || received[0].to != "User1@example.org" {
		t.Fatalf("received: got %+v, want one message to its recipient", received)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(received[0].data))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range parsed.Header {
		switch name {
		case "From", "To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type":
			if len(values) != 1 {
				t.Errorf("%s: got %q, want one", name, values)
			}
		default:
			t.Errorf("header: got %s: %q, want no more than we write", name, values)
		}
	}
	header, _, _ := strings.Cut(received[0].data, "\r\n\r\n")
	for line := range strings.SplitSeq(header, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("header line: got %q, want a short one", line)
		}
	}
}

func TestSendersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"", "nobody", "A <a@example.org>\r\nBcc: b@example.org", "A\r\nBcc: b@example.org <a@example.org>", "a@example.org, b@example.org", "a@exa mple.org"} {
		_, err := smtp.New(smtp.Config{URL: domain.NewSecret("smtp://mx.example.net"), From: from, Timeout: time.Second})
		if err == nil {
			t.Errorf("New with the sender %q: got no error", from)
		}
	}
}

func TestMessagesThatCanNeverBeSent(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*domain.Letter){
		"no recipient":             func(m *domain.Letter) { m.To = "" },
		"two recipients":           func(m *domain.Letter) { m.To = "a@example.org, b@example.org" },
		"recipient with a header":  func(m *domain.Letter) { m.To = "a@example.org\r\nBcc: b@example.org" },
		"recipient with a command": func(m *domain.Letter) { m.To = "a@example.org>\r\nRCPT TO:<b@example.org" },
		"recipient with a name":    func(m *domain.Letter) { m.To = "A <a@example.org>" },
		"subject with a header":    func(m *domain.Letter) { m.Subject = "Hello\r\nBcc: b@example.org" },
		"subject with a line feed": func(m *domain.Letter) { m.Subject = "Hello\nBcc: b@example.org" },
		"subject with a return":    func(m *domain.Letter) { m.Subject = "Hello\rBcc: b@example.org" },
		"subject not UTF-8":        func(m *domain.Letter) { m.Subject = "Hello \xff" },
		"id with a header":         func(m *domain.Letter) { m.ID += ">\r\nBcc: b@example.org" },
		"no id":                    func(m *domain.Letter) { m.ID = "" },
	}
	s := &server{}
	address, roots := s.start(t)
	mailer := newMailer(t, "smtp", "", address, "", roots)
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFailure(t, mailer.Send(t.Context(), fake.Letter(1, spoil)), domain.KindInvalid, "")
		})
	}
	t.Cleanup(func() {
		if got := s.all(); len(got) != 0 {
			t.Errorf("received: got %v, want nothing", got)
		}
	})
}
