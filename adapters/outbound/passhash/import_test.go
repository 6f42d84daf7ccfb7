package passhash_test

import (
	"errors"
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash"
	"authserve/core/domain"
)

func TestImportedRecordsTakeTheRawForm(t *testing.T) {
	t.Parallel()
	e := engine(t, cheap(), passhash.Deps{})
	foreign := hashOf(t, e, "caf\u00e9 crème") // an argon2id hash of the normal form, here of another program
	imported, err := e.Import(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if want := "$import" + foreign.Reveal(); imported.Reveal() != want {
		t.Fatalf("imported %q; want %q", imported.Reveal(), want)
	}
	if got := verify(t, e, "caf\u00e9 crème", imported); got != (verdict{match: true, rehash: true}) {
		t.Errorf("the bytes that were hashed: %+v; want a match and a re-hash", got)
	}
	if got := verify(t, e, "cafe\u0301 crème", imported); got.match {
		t.Error("other bytes match: the raw form was normalised")
	}
}

func TestImportedBcryptReadsTheFirst72Bytes(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Algorithm = passhash.Bcrypt
	e := engine(t, cfg, passhash.Deps{})
	longest := strings.Repeat("x", domain.MaxBcryptBytes)
	imported, err := e.Import(hashOf(t, e, longest))
	if err != nil {
		t.Fatal(err)
	}
	control := longest + "\x07 typed with a control character" // no password of ours
	if got := verify(t, e, control, imported); got != (verdict{match: true, rehash: true}) {
		t.Errorf("a longer password of the other program: %+v; want what that program would say", got)
	}
	if got := verify(t, e, strings.Repeat("x", domain.MaxRawPasswordBytes+1), imported); got.match {
		t.Error("a password longer than any matches")
	}
}

func TestImportRefusesWithAReason(t *testing.T) {
	t.Parallel()
	e := engine(t, cheap(), passhash.Deps{})
	const secret = "5f4dcc3b5aa765d61d8327deb882cf99"
	_, err := e.Import(domain.NewSecret(secret))
	var refusal *domain.Error
	if !errors.As(err, &refusal) || refusal.Kind != domain.KindInvalid || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v; want invalid, with a reason and without the hash", err)
	}
	if _, err := e.Import(domain.NewSecret("$import" + hashOf(t, e, right).Reveal())); err == nil {
		t.Error("a record was taken for a foreign hash")
	}
}
