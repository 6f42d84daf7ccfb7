package fake_test

import (
	"errors"
	"testing"

	"authserve/core/domain"
)

var errTest = errors.New("as the test wants it")

func password(t *testing.T, raw string) domain.Password {
	t.Helper()
	p, err := domain.NewPassword(raw, domain.PasswordPolicy{MinLength: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
