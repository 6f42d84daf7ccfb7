package login_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/login"
	"authserve/ports/fake"
)

func encode(mac []byte) string { return base64.RawURLEncoding.EncodeToString(mac) }

// A token is read in one spelling only, and no other text than the genuine one is good.
func FuzzDeviceToken(f *testing.F) {
	w := world.New(f)
	a := fake.Account(1)
	now := w.Clock.Now()
	genuine, err := login.MakeDevice(f.Context(), w.Sealer, a.ID, fake.Session(1, a).ID, now)
	if err != nil {
		f.Fatal(err)
	}
	old, err := login.MakeDevice(f.Context(), w.Sealer, a.ID, fake.Session(1, a).ID, now.Add(-401*24*time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", ".", ".....", genuine, old, genuine + "\n", genuine + "=", genuine[1:], strings.ToUpper(genuine), "ad1" + strings.Repeat(".", 300),
		strings.Replace(genuine, "ad1", "as1", 1), strings.Replace(genuine, ".1", ".01", 1), strings.Replace(genuine, ".1", ".-1", 1),
		strings.Replace(genuine, ".17", ".9223372036854775807", 1), "ad1..\x00..0.",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		head, ok := login.RespellDevice(raw)
		if ok && (!strings.HasPrefix(raw, head+".") || strings.Count(raw, ".") != 5) {
			t.Errorf("%q was read as %q", raw, head)
		}
		account, id, err := login.OpenDevice(t.Context(), w.Sealer, raw, now)
		if err != nil {
			t.Errorf("%q: %v; want no error for any text", raw, err)
		}
		if (id != "" || account != "") && raw != genuine {
			t.Errorf("%q is taken for a device", raw)
		}
	})
}
