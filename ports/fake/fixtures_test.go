package fake_test

import (
	"testing"

	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestFixturesAreLegalAndApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range 50 {
		account := fake.Account(n)
		email, err := domain.ParseEmail(account.Email.Address)
		if err != nil || email != account.Email {
			t.Errorf("account %d: got e-mail address %+v (error %v), want %+v", n, email, err, account.Email)
		}
		username, err := domain.ParseUsername(account.Username.Name)
		if err != nil || username != account.Username {
			t.Errorf("account %d: got username %+v (error %v), want %+v", n, username, err, account.Username)
		}
		record := fake.IdempotencyRecord(n)
		for _, id := range []domain.ID{
			account.ID, fake.Session(n, account).ID, fake.SigningKey(n).ID, fake.Message(n).ID, fake.AuditEvent(n).ID, record.Resource,
		} {
			if _, err := domain.ParseID(string(id)); err != nil {
				t.Errorf("number %d: %q is no ID: %v", n, id, err)
			}
			if seen[string(id)] {
				t.Errorf("number %d: the ID %s is used twice", n, id)
			}
			seen[string(id)] = true
		}
		if seen[string(record.Key)] {
			t.Errorf("number %d: the key %x is used twice", n, record.Key)
		}
		seen[string(record.Key)] = true
	}
	if got := fake.Account(1, func(a *domain.Account) { a.DisplayName = "Ada" }).DisplayName; got != "Ada" {
		t.Errorf("with an option: got display name %q, want Ada", got)
	}
}
