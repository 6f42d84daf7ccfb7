package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"authserve/adapters/outbound/seal"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
)

// sample returns a fixed key of n bytes that passes every check.
func sample(n int, first byte) []byte {
	key := make([]byte, n)
	x := uint32(first) + 1
	for i := range key {
		x = x*1664525 + 1013904223
		key[i] = byte(x >> 24)
	}
	return key
}

func encoded(key []byte) domain.Secret {
	return domain.NewSecret(base64.StdEncoding.EncodeToString(key))
}

func newRing(tb testing.TB, keys ...domain.Secret) *seal.Keyring {
	tb.Helper()
	if len(keys) == 0 {
		keys = []domain.Secret{encoded(sample(32, 1))}
	}
	ring, err := seal.New(system.Random{}, keys...)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return ring
}

func TestSealOpens(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	for _, plaintext := range [][]byte{nil, {}, []byte("x"), sample(4096, 9)} {
		sealed, err := ring.Seal(t.Context(), ports.PurposeSeal, plaintext, []byte("row 1"))
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		if len(plaintext) > 8 && bytes.Contains(sealed, plaintext[:8]) {
			t.Error("the sealed bytes hold the plaintext")
		}
		got, err := ring.Open(t.Context(), ports.PurposeSeal, sealed, []byte("row 1"))
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		if !bytes.Equal(got, plaintext) {
			t.Errorf("got %x, want %x", got, plaintext)
		}
	}
}

func TestSealIsNeverTheSameTwice(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	a, _ := ring.Seal(t.Context(), ports.PurposeSeal, []byte("secret"), nil)
	b, _ := ring.Seal(t.Context(), ports.PurposeSeal, []byte("secret"), nil)
	if bytes.Equal(a, b) {
		t.Error("two seals of one plaintext are equal")
	}
}

func TestOpenRefusesWhatWasNotSealed(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	associated := []byte("row 1")
	sealed, err := ring.Seal(t.Context(), ports.PurposeSeal, []byte("secret"), associated)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x10
		_, err := ring.Open(t.Context(), ports.PurposeSeal, changed, associated)
		inKeyID := i >= 1 && i <= 8
		if inKeyID && !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("byte %d changed: got %v, want ErrNotFound", i, err)
		}
		if !inKeyID && domain.KindOf(err) != domain.KindMalformed {
			t.Errorf("byte %d changed: got %v, want KindMalformed", i, err)
		}
		if _, err := ring.Open(t.Context(), ports.PurposeSeal, sealed[:i], associated); domain.KindOf(err) != domain.KindMalformed {
			t.Errorf("cut to %d bytes: got %v, want KindMalformed", i, err)
		}
	}
	cases := map[string]struct {
		purpose    ports.Purpose
		sealed     []byte
		associated []byte
	}{
		"other associated data": {ports.PurposeSeal, sealed, []byte("row 2")},
		"no associated data":    {ports.PurposeSeal, sealed, nil},
		"other purpose":         {ports.PurposeCursor, sealed, associated},
		"longer":                {ports.PurposeSeal, append(bytes.Clone(sealed), 0), associated},
	}
	for name, c := range cases {
		if _, err := ring.Open(t.Context(), c.purpose, c.sealed, c.associated); domain.KindOf(err) != domain.KindMalformed {
			t.Errorf("%s: got %v, want KindMalformed", name, err)
		}
	}
}

func TestRotationKeepsOldKeysReadable(t *testing.T) {
	t.Parallel()
	oldKey, newKey := encoded(sample(32, 1)), encoded(sample(48, 2))
	before := newRing(t, oldKey)
	after := newRing(t, newKey, oldKey)
	sealed, _ := before.Seal(t.Context(), ports.PurposeSeal, []byte("secret"), nil)
	mac, _ := before.MAC(t.Context(), ports.PurposeRefresh, before.ActiveKey(), []byte("data"))

	if before.ActiveKey() == after.ActiveKey() {
		t.Fatal("the active key did not change")
	}
	if got, err := after.Open(t.Context(), ports.PurposeSeal, sealed, nil); err != nil || string(got) != "secret" {
		t.Errorf("Open under the older key: got %q, %v", got, err)
	}
	if got, err := after.MAC(t.Context(), ports.PurposeRefresh, before.ActiveKey(), []byte("data")); err != nil || !bytes.Equal(got, mac) {
		t.Errorf("MAC under the older key: got %x, %v, want %x", got, err, mac)
	}
	sealed, _ = after.Seal(t.Context(), ports.PurposeSeal, []byte("secret"), nil)
	if _, err := before.Open(t.Context(), ports.PurposeSeal, sealed, nil); !errors.Is(err, ports.ErrNotFound) {
		t.Errorf("Open without the key: got %v, want ErrNotFound", err)
	}
	if _, err := before.MAC(t.Context(), ports.PurposeSeal, after.ActiveKey(), nil); !errors.Is(err, ports.ErrNotFound) {
		t.Errorf("MAC without the key: got %v, want ErrNotFound", err)
	}
}

func TestMACDependsOnEveryInput(t *testing.T) {
	t.Parallel()
	ring := newRing(t, encoded(sample(32, 1)), encoded(sample(32, 2)))
	older := newRing(t, encoded(sample(32, 2))).ActiveKey()
	seen := map[string]string{}
	for name, in := range map[string]struct {
		purpose ports.Purpose
		key     string
		data    string
	}{
		"base":          {ports.PurposeRefresh, ring.ActiveKey(), "data"},
		"other purpose": {ports.PurposeCursor, ring.ActiveKey(), "data"},
		"other key":     {ports.PurposeRefresh, older, "data"},
		"other data":    {ports.PurposeRefresh, ring.ActiveKey(), "datb"},
		"no data":       {ports.PurposeRefresh, ring.ActiveKey(), ""},
	} {
		first, err := ring.MAC(t.Context(), in.purpose, in.key, []byte(in.data))
		if err != nil || len(first) != 32 {
			t.Fatalf("%s: got %d bytes, %v, want 32", name, len(first), err)
		}
		again, _ := ring.MAC(t.Context(), in.purpose, in.key, []byte(in.data))
		if !bytes.Equal(first, again) {
			t.Errorf("%s: two MACs of one input differ", name)
		}
		if other, taken := seen[string(first)]; taken {
			t.Errorf("%s and %s have the same MAC", name, other)
		}
		seen[string(first)] = name
	}
}

// The derivation is part of the format: were it to change, every sealed key and
// every refresh token in the field would become void.
func TestDerivationIsStable(t *testing.T) {
	t.Parallel()
	ring := newRing(t, encoded(sample(32, 1)))
	if got, want := ring.ActiveKey(), "Hx7YD_6H"; got != want {
		t.Errorf("key id: got %q, want %q", got, want)
	}
	mac, _ := ring.MAC(t.Context(), ports.PurposeRefresh, ring.ActiveKey(), []byte("data"))
	if got, want := base64.RawURLEncoding.EncodeToString(mac), "FJ5bTWTbph-h9llW9urC7kYfk7kcG8oIqdAIGPSx9yE"; got != want {
		t.Errorf("MAC: got %q, want %q", got, want)
	}
	sealed, _ := base64.RawURLEncoding.DecodeString("AUh4N1lEXzZIiFepCJhfMsIPDNpxprG8VtikAHZmUmwCT9TkW2ej2WPmBTGEdaHph2Vqjeb72g")
	if got, err := ring.Open(t.Context(), ports.PurposeSeal, sealed, []byte("row")); string(got) != "secret" {
		t.Errorf("Open: got %q, %v, want %q", got, err, "secret")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	want, _ := ring.MAC(t.Context(), ports.PurposeRefresh, ring.ActiveKey(), []byte("data"))
	faults := make(chan string, 8)
	for range cap(faults) {
		go func() {
			fault := ""
			for range 200 {
				if got, _ := ring.MAC(t.Context(), ports.PurposeRefresh, ring.ActiveKey(), []byte("data")); !bytes.Equal(got, want) {
					fault = "MACs under load differ"
				}
			}
			faults <- fault
		}()
	}
	for range cap(faults) {
		if fault := <-faults; fault != "" {
			t.Error(fault)
		}
	}
}

func TestEndedContextAndUnknownPurpose(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	sealed, _ := ring.Seal(t.Context(), ports.PurposeSeal, nil, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func(context.Context, ports.Purpose) error{
		"Seal": func(ctx context.Context, p ports.Purpose) error { _, err := ring.Seal(ctx, p, nil, nil); return err },
		"Open": func(ctx context.Context, p ports.Purpose) error { _, err := ring.Open(ctx, p, sealed, nil); return err },
		"MAC": func(ctx context.Context, p ports.Purpose) error {
			_, err := ring.MAC(ctx, p, ring.ActiveKey(), nil)
			return err
		},
	}
	for name, call := range calls {
		if err := call(ended, ports.PurposeSeal); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: got %v, want context.Canceled", name, err)
		}
		if err := call(t.Context(), "nonsense"); err == nil || domain.KindOf(err) != domain.KindInternal {
			t.Errorf("%s for an unknown purpose: got %v, want KindInternal", name, err)
		}
	}
}

func TestNewAcceptsEveryBase64(t *testing.T) {
	t.Parallel()
	key := sample(40, 7)
	want := newRing(t, encoded(key)).ActiveKey()
	for name, encoding := range map[string]*base64.Encoding{
		"std": base64.StdEncoding, "raw std": base64.RawStdEncoding,
		"url": base64.URLEncoding, "raw url": base64.RawURLEncoding,
	} {
		ring, err := seal.New(system.Random{}, domain.NewSecret(encoding.EncodeToString(key)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := ring.ActiveKey(); got != want {
			t.Errorf("%s: got key %q, want %q", name, got, want)
		}
	}
}

func TestNewRefusesUnfitKeys(t *testing.T) {
	t.Parallel()
	good := encoded(sample(32, 1)).Reveal()
	sequence := make([]byte, 32)
	for i := range sequence {
		sequence[i] = byte(0x80 + 3*i)
	}
	cases := map[string]struct{ key, reason string }{
		"empty":             {"", "32 to 512 bytes"},
		"31 bytes":          {encoded(sample(31, 1)).Reveal(), "32 to 512 bytes"},
		"513 bytes":         {encoded(sample(513, 1)).Reveal(), "32 to 512 bytes"},
		"huge":              {strings.Repeat("A", 1<<20), "32 to 512 bytes"},
		"not base64":        {"!" + good[1:], "not base64"},
		"mixed alphabets":   {"-/" + good[2:], "not base64"},
		"line break inside": {good[:8] + "\n" + good[8:], "not base64"},
		"loose last bits":   {strings.TrimRight(good, "=")[:42] + "B", "not base64"},
		"all zero":          {encoded(make([]byte, 32)).Reveal(), "sequence"},
		"all 0xff":          {encoded(bytes.Repeat([]byte{0xff}, 64)).Reveal(), "sequence"},
		"sequence":          {encoded(sequence).Reveal(), "sequence"},
		"half repeated":     {encoded(append(sample(16, 1), sample(16, 1)...)).Reveal(), "pattern"},
		"few values":        {encoded(fewValues()).Reveal(), "too few different bytes"},
		"passphrase":        {encoded([]byte("correct horse battery staple, twice")).Reveal(), "text"},
		"hex as text":       {encoded([]byte("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")).Reveal(), "text"},
		"RFC 7515 A.1":      {"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", "published"},
		"RFC 7520 3.5":      {"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", "published"},
		"RFC 7520 3.6":      {"AAPapAv4LbFbiVawEjagUBluYqN5rhna+8nuldDvOx8=", "published"},
		"Fernet":            {"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", "published"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := seal.New(system.Random{}, domain.NewSecret(c.key))
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("got %v, want an error that says %q", err, c.reason)
			}
			if len(c.key) >= 8 && strings.Contains(err.Error(), c.key[:8]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

// fewValues is neither periodic nor a sequence, and has 15 different values.
func fewValues() []byte {
	key := sample(64, 3)
	for i := range key {
		key[i] %= 15
	}
	return key
}

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	good := encoded(sample(32, 1))
	_, err := seal.New(system.Random{}, good, domain.NewSecret("short"), good)
	for _, want := range []string{"key 2 of 3", "key 3 of 3", "twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
	if _, err := seal.New(system.Random{}); err == nil {
		t.Error("a keyring without a key was made")
	}
}

func TestRandomKeysAreNeverRefused(t *testing.T) {
	t.Parallel()
	for range 2000 {
		if _, err := seal.New(system.Random{}, encoded(system.Random{}.Bytes(32))); err != nil {
			t.Fatal(err)
		}
	}
}

// constant makes the seeds of a fuzz target equal in all of its processes.
type constant struct{}

func (constant) Bytes(n int) []byte { return make([]byte, n) }

func FuzzOpen(f *testing.F) {
	ring, err := seal.New(constant{}, encoded(sample(32, 1)))
	if err != nil {
		f.Fatal(err)
	}
	sealed, _ := ring.Seal(f.Context(), ports.PurposeSeal, []byte("secret"), []byte("row"))
	f.Add(sealed, []byte("row"))
	f.Add(sealed[:33], []byte("row"))
	f.Add([]byte{1}, []byte(nil))
	f.Add([]byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, in, associated []byte) {
		got, err := ring.Open(t.Context(), ports.PurposeSeal, in, associated)
		genuine := bytes.Equal(in, sealed) && string(associated) == "row"
		if genuine != (err == nil) {
			t.Fatalf("genuine %v: got %q, %v", genuine, got, err)
		}
		if err != nil && domain.KindOf(err) != domain.KindMalformed && !errors.Is(err, ports.ErrNotFound) {
			t.Fatalf("got %v, want KindMalformed or ErrNotFound", err)
		}
	})
}

func BenchmarkMAC(b *testing.B) {
	ring := newRing(b)
	data := sample(80, 5)
	ctx, id := b.Context(), ring.ActiveKey()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.MAC(ctx, ports.PurposeRefresh, id, data); err != nil {
			b.Fatal(err)
		}
	}
}
