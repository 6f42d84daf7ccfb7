package scheme_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"authserve/adapters/outbound/passhash/scheme"
	"authserve/core/domain"
	"authserve/ports/fake"
)

// most is the most memory that any hash may need: 256 MiB, and a little beside.
const most = 256<<20 + 256<<10

// checkWork holds settings against the bounds of their cost, by arithmetic of its own.
func checkWork(tb rapid.TB, s scheme.Settings) {
	tb.Helper()
	if m := s.Memory(); m < 1 || m > most {
		tb.Errorf("%s needs %d bytes, want 1 to %d", s, m, most)
	}
	n := func(format string, count int) []float64 {
		v := make([]uint32, 3)
		if got, err := fmt.Sscanf(s.String(), format, pointers(v[:count])...); err != nil || got != count {
			tb.Fatalf("%s has not the form %s: %v", s, format, err)
		}
		return []float64{float64(v[0]), float64(v[1]), float64(v[2])}
	}
	var work, limit float64
	switch a := s.Algorithm(); a {
	case "argon2id", "argon2i":
		v := n("$"+a+"$v=19$m=%d,t=%d,p=%d", 3)
		work, limit = v[0]*v[1], 1<<21
	case "bcrypt":
		work, limit = n("$2"+s.String()[2:3]+"$%d", 1)[0], 15
	case "bcrypt-sha256":
		cost, _ := strconv.Atoi(s.String()[strings.LastIndex(s.String(), "=")+1:])
		work, limit = float64(cost), 15
	case "scrypt":
		v := n("$scrypt$ln=%d,r=%d,p=%d", 3)
		work, limit = math.Exp2(v[0])*v[1]*v[2], 1<<22
	case "fbscrypt":
		v := n("$fbscrypt$n=%d,r=%d", 2)
		work, limit = math.Exp2(v[0])*v[1], 1<<21
	case "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		work, limit = n("$"+a+"$i=%d", 1)[0], 4e6
	case "sha256-crypt", "sha512-crypt":
		work, limit = n("$"+s.String()[1:2]+"$rounds=%d", 1)[0], 1e6
	case "ssha256", "ssha512":
		work, limit = 1, 1
	default:
		tb.Fatalf("%s is of the unknown algorithm %q", s, a)
	}
	if work < 1 || work > limit {
		tb.Errorf("%s costs %g, want 1 to %g", s, work, limit)
	}
}

func pointers(v []uint32) []any {
	all := make([]any, len(v))
	for i := range v {
		all[i] = &v[i]
	}
	return all
}

// checkHash holds what must be true of every hash that was let in.
func checkHash(tb rapid.TB, h scheme.Hash) {
	tb.Helper()
	checkWork(tb, h.Settings())
	text := h.String()
	if again, err := scheme.Parse(text); err != nil || again != h {
		tb.Errorf("Parse(%q): got %v, %v, want the same hash", text, again, err)
	}
	if again, err := scheme.Import(text); err != nil || again != h {
		tb.Errorf("Import(%q): got %v, %v, want the same hash", text, again, err)
	}
	if got := domain.SettingsOf(domain.NewSecret(text)); got != h.Settings().String() {
		tb.Errorf("SettingsOf(%q): got %q, want %q", text, got, h.Settings())
	}
	dummy := h.Settings().Dummy(new(fake.Random).Bytes)
	if again, err := scheme.Parse(dummy.String()); err != nil || again != dummy {
		tb.Errorf("Parse(%q), a dummy: got %v, %v, want the same", dummy, again, err)
	}
}

// parameter draws numbers: small ones, powers of two and their neighbours, anything.
func parameter() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := rapid.OneOf(
			rapid.Uint64Range(0, 20),
			rapid.Custom(func(t *rapid.T) uint64 {
				return uint64(1)<<rapid.IntRange(0, 40).Draw(t, "log") + rapid.Uint64Range(0, 2).Draw(t, "beside") - 1
			}),
			rapid.Uint64Range(0, 5_000_000),
			rapid.Uint64(),
		).Draw(t, "n")
		return strconv.FormatUint(n, 10)
	})
}

// encodings fills the forms of all programs with parameters that may be anything and
// salts and digests of any length.
func encodings() *rapid.Generator[string] {
	forms := []string{
		"$argon2id$v=19$m=#,t=#,p=#$S$K", "$argon2i$v=19$m=#,t=#,p=#$S$K", "argon2$argon2id$v=19$m=#,t=#,p=#$S$K",
		"$2b$#$B", "$2y$0#$B", "bcrypt$$2a$#$B", "bcrypt_sha256$$2b$#$B", "bcrypt_sha256$$2b$0#$B",
		"$bcrypt-sha256$v=2,t=2b,r=#$C", "$bcrypt-sha256$2a,#$C", "$bcrypt-sha256$v=hex,t=2y,r=#$C",
		"$scrypt$ln=#,r=#,p=#$S$K", "scrypt$#$text$#$#$K",
		"$fbscrypt$n=#,r=#$S.S.K$K", "$fbscrypt$v=1,n=#,r=#,p=1,ss=Bw==,sk=K$S$K",
		"$pbkdf2-sha256$i=#$S$K", "$pbkdf2-sha512$#$S$K", "$pbkdf2$#$S$K", "pbkdf2_sha256$#$text$K", "pbkdf2_sha1$#$text$K",
		"$5$rounds=#$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "{CRYPT}$6$rounds=#$salt$" + strings.Repeat(".", 86),
		"$ssha256$S$K", "{SSHA512}K", "$#$#", "#$#$#$#$#",
	}
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for _, c := range rapid.SampledFrom(forms).Draw(t, "form") {
			switch c {
			case '#':
				b.WriteString(parameter().Draw(t, "parameter"))
			case 'S', 'K':
				b.WriteString(b64(rapid.OneOf(rapid.SampledFrom([]int{8, 16, 20, 32, 64}), rapid.IntRange(0, 80)).Draw(t, "size")))
			case 'B':
				b.WriteString(body)
			case 'C':
				b.WriteString(body[:22] + "$" + body[22:])
			default:
				b.WriteRune(c)
			}
		}
		return b.String()
	})
}

func TestNothingRunsPastTheBounds(t *testing.T) {
	t.Parallel()
	var seen [3]int // refused, imported, and read as they are
	rapid.Check(t, func(t *rapid.T) {
		encoded := encodings().Draw(t, "encoded")
		h, err := scheme.Import(encoded)
		if err != nil {
			seen[0]++
			if h != (scheme.Hash{}) {
				t.Errorf("Import gave %v beside its error", h)
			}
		} else {
			seen[1]++
			checkHash(t, h)
		}
		parsed, err := scheme.Parse(encoded)
		if err != nil {
			return
		}
		seen[2]++
		if parsed != h || parsed.String() != encoded {
			t.Errorf("Parse: got %v, want %v, and %q", parsed, h, encoded)
		}
	})
	for i, name := range []string{"refused", "imported", "parsed"} {
		if seen[i] == 0 {
			t.Errorf("no encoding was %s: nothing was checked", name)
		}
	}
}

func seeds(f *testing.F) {
	f.Helper()
	for _, v := range vectors() {
		f.Add(v.encoded)
		f.Add(v.settings)
		if h, err := scheme.Import(v.encoded); err == nil {
			f.Add(h.String())
		}
	}
	for text := range costs() {
		f.Add(text)
		f.Add(text + tail)
	}
	f.Add("$argon2id$v=19$m=4294967296,t=0,p=256$$")
	f.Add("{CRYPT}{CRYPT}$")
	f.Add("bcrypt$$2$$2$$2")
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := scheme.Parse(text)
		if err != nil {
			return
		}
		if got := h.String(); got != text {
			t.Errorf("%q is written %q", text, got)
		}
		checkHash(t, h)
	})
}

func FuzzImport(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, encoded string) {
		if h, err := scheme.Import(encoded); err == nil {
			checkHash(t, h)
		} else if len(encoded) > 30 && strings.Contains(err.Error(), encoded) {
			t.Errorf("the error repeats the hash: %v", err)
		}
	})
}

func FuzzParseSettings(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scheme.ParseSettings(text)
		if err != nil {
			return
		}
		if got := s.String(); got != text {
			t.Errorf("%q is written %q", text, got)
		}
		checkWork(t, s)
	})
}
