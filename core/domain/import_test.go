package domain_test

import (
	"testing"
	"time"

	"authserve/core/domain"
)

func TestImportedCredential(t *testing.T) {
	t.Parallel()
	created := time.Date(2019, time.May, 4, 3, 2, 1, 0, time.UTC)
	account := domain.Account{
		ID: "a", Version: domain.AccountVersion{AuthGeneration: 2, Credential: 7, Profile: 3},
		CreatedAt: created, UpdatedAt: created.Add(time.Hour),
	}
	hash := domain.NewSecret("$import$2b$12$x")
	got, ok := domain.ImportedAccount{Account: account, Hash: hash}.Credential()
	if want := (domain.Credential{AccountID: "a", Hash: hash, Version: 7, ChangedAt: created}); !ok || got != want {
		t.Errorf("got %+v, %t, want %+v", got, ok, want)
	}
	if got, ok := (domain.ImportedAccount{Account: account}).Credential(); ok || got != (domain.Credential{}) {
		t.Errorf("without a hash: got %+v, %t, want none", got, ok)
	}
}
