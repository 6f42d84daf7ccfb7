package account_test

import (
	"strings"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
)

func TestImportedIDsFollowFromTheRow(t *testing.T) {
	t.Parallel()
	base := importRow(1)
	id := func(change func(*account.ImportRow)) domain.ID {
		w, row := world.New(t), base
		change(&row)
		runImport(t, w, reading(row), false)
		email, err := domain.ParseEmail(row.Email)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := stored(t, w, email.Canonical)
		return a.ID
	}
	same := id(func(*account.ImportRow) {})
	if again := id(func(r *account.ImportRow) { r.Email, r.Username, r.Line, r.Disabled = "USER1@example.org", "", 7, true }); again != same {
		t.Errorf("the same row elsewhere: %s; want %s", again, same)
	}
	const inMilliseconds = "018f3426-9c95-7" // 2024-05-01T12:34:56.789Z, version 7
	if !strings.HasPrefix(string(same), inMilliseconds) || !strings.ContainsRune("89ab", rune(same[19])) {
		t.Errorf("id = %s; want %s... of the RFC's variant", same, inMilliseconds)
	}
	if undated := id(func(r *account.ImportRow) { r.CreatedAt = time.Time{} }); undated[:13] != "00000000-0000" || undated[14:] != same[14:] {
		t.Errorf("without a date: %s; want zeros, and the rest of %s", undated, same)
	}
	// RFC 9562 section 6.2, method 1: the number of the row is a counter of 26 bits.
	for number, counter := range map[string]string{
		"0": "7000-8000", "1": "7000-8001", "16384": "7001-8000", "67108863": "7fff-bfff", "67108864": "7000-8000", "18446744073709551615": "7fff-bfff",
	} {
		if got := id(func(r *account.ImportRow) { r.SourceID = number }); got[14:23] != domain.ID(counter) {
			t.Errorf("id of number %s: %s; want %s in it", number, got, counter)
		}
	}
	others := map[domain.ID]bool{same: true}
	for _, change := range []func(*account.ImportRow){
		func(r *account.ImportRow) { r.Email = "other@example.org" },
		func(r *account.ImportRow) { r.SourceID = "2" },
		func(r *account.ImportRow) { r.SourceID = "" },
		func(r *account.ImportRow) { r.Email, r.SourceID = "user1@example.org1", "" }, // the same letters in a row
		func(r *account.ImportRow) { r.SourceID = "67108865" },                        // the same number modulo 2^26
		func(r *account.ImportRow) { r.SourceID = "c0ffee00-0000-4000-8000-000000000000" },
	} {
		other := id(change)
		if _, err := domain.ParseID(string(other)); err != nil || others[other] {
			t.Errorf("another row: %s, %v; want another id", other, err)
		}
		others[other] = true
	}
}

func TestImportedIDsDoNotTellTheirAddress(t *testing.T) {
	t.Parallel()
	var ids [2]domain.ID
	for i, w := range []*world.World{world.New(t), world.New(t).WithNewMasterKey(t)} {
		runImport(t, w, reading(importRow(1)), false)
		a, _ := stored(t, w, "user1@example.org")
		ids[i] = a.ID
	}
	if ids[0][24:] == ids[1][24:] {
		t.Error("the id of a row does not depend on the master key: anybody can compute it from a guessed address")
	}
}
