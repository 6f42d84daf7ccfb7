package passhash_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/core/domain"
	"authserve/ports"
)

// A record outlives the program that wrote it, so its form is held still: unpadded
// base64 of the MAC of purpose pepper is what the scheme hashes.
func TestPepperedRecordsKeepTheirForm(t *testing.T) {
	t.Parallel()
	ring := keyring(t, masterKey(1))
	mac, err := ring.MAC(t.Context(), ports.PurposePepper, ring.ActiveKey(), []byte(right))
	if err != nil {
		t.Fatal(err)
	}
	bare := hashOf(t, engine(t, cheap(), passhash.Deps{}), base64.RawStdEncoding.EncodeToString(mac))
	cfg := cheap()
	cfg.Pepper = true
	record := domain.NewSecret("$pepper$" + ring.ActiveKey() + bare.Reveal())
	if got := verify(t, engine(t, cfg, passhash.Deps{Sealer: ring}), right, record); got != (verdict{match: true}) {
		t.Errorf("%+v; want a match", got)
	}
}

// What bcrypt would not read is decided by the record, not by the present settings.
func TestBcryptRecordsReadNoMoreUnderOtherSettings(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Algorithm = passhash.Bcrypt
	longest := strings.Repeat("x", domain.MaxBcryptBytes)
	h := hashOf(t, engine(t, cfg, passhash.Deps{}), longest)
	now := engine(t, cheap(), passhash.Deps{})
	if got := verify(t, now, longest, h); got != (verdict{match: true, rehash: true}) {
		t.Errorf("72 bytes: %+v; want a match and a re-hash", got)
	}
	if got := verify(t, now, longest+"y", h); got.match {
		t.Error("a longer password with the same 72 bytes matches")
	}
	own := hashOf(t, now, longest+"y") // and argon2id reads all of it
	cfg.Pepper = false
	if got := verify(t, engine(t, cfg, passhash.Deps{}), longest+"y", own); !got.match {
		t.Error("a long password of argon2id is refused where new hashes are bcrypt's")
	}
}

func TestRefusedLengthNamesTheField(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Algorithm = passhash.Bcrypt
	_, err := engine(t, cfg, passhash.Deps{}).Hash(t.Context(), domain.PresentedPassword(strings.Repeat("x", domain.MaxBcryptBytes+1)))
	if fields := domain.FieldsOf(err); len(fields) != 1 || fields[0].Field != "password" || fields[0].Code != domain.CodeTooLong {
		t.Errorf("fields %+v of %v; want password: too long", fields, err)
	}
}

func TestPepperWithoutAKeyIsUnreadable(t *testing.T) {
	t.Parallel()
	e := engine(t, cheap(), passhash.Deps{})
	text := "$pepper$" + hashOf(t, e, right).Reveal() // as `$pepper$$argon2id$…`
	if _, _, err := e.Verify(t.Context(), domain.PresentedPassword(right), domain.NewSecret(text)); err == nil || domain.CodeOf(err) != domain.CodeInternal {
		t.Errorf("%v; want an internal error", err)
	}
}

func TestUnreadableDummiesAreOfThePresentOrigin(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	e := engine(t, cfg, passhash.Deps{})
	if got, present := domain.SettingsOf(e.Dummy("$import$nonsense$1")), domain.SettingsOf(hashOf(t, e, right)); got != present {
		t.Errorf("dummy of %q; want %q", got, present)
	}
}

func TestComputeTellsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]worker.Job{
		"no settings": {Password: []byte(right)},
		"a record":    {Hash: "$import$2b$04", Password: []byte(right)},
		"a bad salt":  {Settings: "$argon2id$v=19$m=64,t=1,p=1", Salt: []byte("short"), Password: []byte(right)},
	} {
		if got, err := passhash.Compute(job); err == nil || got != (worker.Result{}) {
			t.Errorf("%s: %+v, %v; want an error alone", name, got, err)
		}
	}
}

func TestSitesStayApart(t *testing.T) {
	t.Parallel()
	of := func(ip string) string { return passhash.Network(domain.Actor{Kind: domain.ActorAnonymous, IP: ip}) }
	if of("fe80::1%eth0") == of("fe80:0:1::1%eth0") {
		t.Error("every address with a zone is one network")
	}
	if of("2001:db8:1:2::1") == of("2001:db8:2:2::1") {
		t.Error("two sites are one network")
	}
}
