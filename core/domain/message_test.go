package domain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"authserve/core/domain"
)

func TestKindsOfMessage(t *testing.T) {
	t.Parallel()
	purposes := map[domain.MessageKind]domain.TokenPurpose{
		domain.MessageVerifyEmail: domain.TokenVerifyEmail, domain.MessageChangeEmail: domain.TokenChangeEmail,
		domain.MessageResetPassword: domain.TokenResetPassword, domain.MessageEmailChanged: domain.TokenUndoEmail,
	}
	seen := map[domain.MessageKind]bool{}
	for _, kind := range domain.MessageKinds() {
		if kind == "" || seen[kind] {
			t.Errorf("kind %q: got it empty or twice", kind)
		}
		seen[kind] = true
		want, linked := purposes[kind]
		if got, found := kind.Purpose(); got != want || found != linked {
			t.Errorf("purpose of %s: got %q, %t, want %q, %t", kind, got, found, want, linked)
		}
		if linked && want.TTL() <= 0 {
			t.Errorf("lifetime of %s: got none", want)
		}
	}
}

func TestNewMessages(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 1, 12, 30, 45, 123456789, time.FixedZone("", 3600))
	account := domain.Account{ID: "a", Email: domain.Email{Address: "Ada@Example.org", Canonical: "ada@example.org"}, Locale: "de", Version: domain.AccountVersion{AuthGeneration: 7}}
	own := domain.NewMessage("m", domain.MessagePasswordChanged, account, map[string]string{domain.DataAt: "x"}, now)
	if own.AccountID != "a" || own.Generation != 7 || own.To != "Ada@Example.org" || own.Locale != "de" || own.Data[domain.DataAt] != "x" {
		t.Errorf("to an account: got %+v, want it to the owner at the account's generation", own)
	}
	anonymous := domain.NewMessageTo("m", domain.MessageResetPassword, "Ada@Example.org", now)
	if anonymous.AccountID != "" || anonymous.Generation != 0 || anonymous.To != "Ada@Example.org" || anonymous.Locale != "" {
		t.Errorf("to an address: got %+v, want nothing of an account", anonymous)
	}
	for _, m := range []domain.Message{own, anonymous} {
		if m.ID != "m" || m.State != domain.MessagePending || m.CreatedAt != domain.Instant(now) || m.DueAt != m.CreatedAt {
			t.Errorf("got %+v, want it pending and due at once", m)
		}
	}
	clone := own.Clone()
	clone.Data[domain.DataAt] = "y"
	if own.Data[domain.DataAt] != "x" {
		t.Error("the clone shares its data")
	}
}

func TestATheftNoticeTellsOnlyWhenTheSessionBegan(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, time.March, 1, 12, 30, 45, 0, time.UTC)
	m := domain.NewTheftNotice("m", domain.Account{}, domain.Session{ID: "s", IP: "192.0.2.1", UserAgent: "x", CreatedAt: began}, began.Add(time.Hour))
	if len(m.Data) != 1 || m.Data[domain.DataBegan] != "2026-03-01T12:30:45Z" {
		t.Errorf("data: got %v, want the beginning alone", m.Data)
	}
}

func TestLabelsOfTokensDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range []domain.Message{{Kind: "a", ID: "bc"}, {Kind: "ab", ID: "c"}, {Kind: "a", ID: "c"}, {Kind: "b", ID: "bc"}} {
		if label := string(m.TokenLabel()); seen[label] {
			t.Errorf("label %q: got it twice", label)
		} else {
			seen[label] = true
		}
	}
}

func TestLettersDoNotShowTheirWords(t *testing.T) {
	t.Parallel()
	const secret = "c2VjcmV0"
	l := domain.Letter{ID: "m", Kind: domain.MessageResetPassword, To: "ada@example.org", Subject: secret, Text: secret, HTML: secret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{l, &l, []domain.Letter{l}, struct{ L domain.Letter }{l}} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, secret) || strings.Contains(got, "@") {
				t.Errorf("%s of %T: got %s, want no word and no address of it", verb, value, got)
			}
		}
	}
}
