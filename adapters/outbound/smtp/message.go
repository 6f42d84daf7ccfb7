package smtp

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"authserve/core/domain"
)

// envelope is a letter ready for transfer.
type envelope struct {
	to   string // envelope address, ASCII
	data []byte // header and body (RFC 5322)
}

// compose renders m, in text and, where it has that, in HTML, the same bytes each time.
// Errors: KindInvalid when m can never be sent.
func (s *Mailer) compose(m domain.Letter) (envelope, error) {
	to, err := asciiAddress(m.To)
	if err != nil {
		return envelope{}, err
	}
	if _, err := domain.ParseID(string(m.ID)); err != nil {
		return envelope{}, invalid("id", "The id of a message is a UUID.")
	}
	if !utf8.ValidString(m.Subject) || strings.ContainsFunc(m.Subject, unicode.IsControl) {
		return envelope{}, invalid("subject", "A subject is one line of text.")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&mail.Address{Name: s.from.Name, Address: s.from.Address})
	msg.ToMailAddress(&mail.Address{Address: to})
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.CreatedAt)
	msg.SetMessageIDWithValue(string(m.ID) + "@" + s.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: keeps vacation notices away
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.SetBoundary("authserve-" + string(m.ID)) // instead of a random one
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var data bytes.Buffer
	if _, err := msg.WriteTo(&data); err != nil {
		return envelope{}, fmt.Errorf("smtp: compose: %w", err)
	}
	return envelope{to: to, data: data.Bytes()}, nil
}

// asciiAddress is the form of address that every mail system takes: the local
// part as its owner wrote it, the domain in its ASCII form. Errors: KindInvalid.
func asciiAddress(address string) (string, error) {
	email, err := domain.ParseEmail(address)
	if err != nil {
		return "", err
	}
	local, _, _ := strings.Cut(email.Address, "@")
	_, host, _ := strings.Cut(email.Canonical, "@")
	return local + "@" + host, nil
}

func invalid(field, message string) error {
	return domain.Invalid(domain.FieldError{Field: field, Code: domain.CodeInvalidFormat, Message: message})
}
