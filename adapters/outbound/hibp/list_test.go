package hibp_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"authserve/adapters/outbound/hibp"
)

// suffix are the last 35 digits of the SHA-1 of "password", other is another range's.
const (
	suffix = "1e4c9b93f3f0682250b6cf8331b7ee68fd8"
	other  = "0018a45c4d1def81644b54ab7f969b88d65"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	upper := strings.ToUpper(suffix)
	padding := strings.Repeat(strings.ToUpper(other)+":0\r\n", 200)
	long := strings.Repeat(other+":1\n", hibp.MaxBody/(len(other)+3))
	for _, c := range []struct {
		name, list string
		want       bool
		broken     bool
	}{
		{"the only entry", upper + ":3861493", true, false},
		{"the first", upper + ":1\r\n" + other + ":2\r\n", true, false},
		{"the last, without line break", other + ":2\r\n" + upper + ":1", true, false},
		{"the last, with one", other + ":2\n" + upper + ":1\n", true, false},
		{"in lower case", suffix + ":1", true, false},
		{"seen once by padding and once really", upper + ":0\r\n" + upper + ":7\r\n" + upper + ":0", true, false},
		{"the largest count", upper + ":9999999999", true, false},
		{"lists joined by empty lines", other + ":1\r\n\r\n" + upper + ":1\r\n\r\n", true, false},
		{"absent", other + ":1", false, false},
		{"among padding", padding + upper + ":1\r\n" + padding, true, false},
		{"nothing but padding", padding, false, false},
		{"itself padding", upper + ":0", false, false},
		{"padding with many zeros", upper + ":000", false, false},
		{"another last digit", upper[:34] + "9:1", false, false},
		{"another first digit", "2" + upper[1:] + ":1", false, false},
		{"as long as may be", long, false, false},

		{"nothing", "", false, true},
		{"empty lines only", "\r\n\n", false, true},
		{"a digit short", upper[1:] + ":1", false, true},
		{"a digit more", upper + "0:1", false, true},
		{"a whole hash", "5BAA6" + upper + ":1", false, true},
		{"no count", upper, false, true},
		{"an empty count", upper + ":", false, true},
		{"a negative count", upper + ":-1", false, true},
		{"a count with a sign", upper + ":+1", false, true},
		{"a broken count", upper + ":1.5", false, true},
		{"a count that is none", upper + ":many", false, true},
		{"a count of 11 digits", upper + ":10000000000", false, true},
		{"two counts", upper + ":1:1", false, true},
		{"a space before", " " + upper + ":1", false, true},
		{"a space behind", upper + ":1 ", false, true},
		{"a digit that is none", "g" + upper[1:] + ":1", false, true},
		{"a full-width digit", "１" + upper[3:] + ":1", false, true},
		{"a zero byte", "\x00" + upper[1:] + ":1", false, true},
		{"a carriage return inside", upper + ":1\r" + upper + ":1", false, true},
		{"a page", "<!DOCTYPE html>\n<title>Sign in</title>", false, true},
		{"JSON", `{"` + upper + `":1}`, false, true},
		{"a page behind the entry", upper + ":1\r\n<!-- proxy -->", false, true},
		{"one very long line", strings.Repeat("a", hibp.MaxBody), false, true},
		{"the entry, then one very long line", upper + ":1\r\n" + strings.Repeat("a", 1<<16), false, true},
		{"as long as may be with empty lines", upper + ":1" + strings.Repeat("\n", hibp.MaxBody-len(upper)-2), true, false},
		{"longer than may be by an empty line", upper + ":1" + strings.Repeat("\n", hibp.MaxBody-len(upper)-1), false, true},
		{"longer than may be", long + upper + ":1\n" + long, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := hibp.Search(strings.NewReader(c.list), suffix)
			if got != c.want || (err != nil) != c.broken {
				t.Errorf("got %t, %v; want %t, broken %t", got, err, c.want, c.broken)
			}
		})
	}
}

func TestSearchBelievesNoListThatBreaksOff(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	got, err := hibp.Search(io.MultiReader(strings.NewReader(suffix+":1\r\n"+other+":1"), iotest.ErrReader(broken)), suffix)
	if got || !errors.Is(err, broken) {
		t.Errorf("got %t, %v; want %v", got, err, broken)
	}
}

func TestSearchReadsNoMoreThanItsBound(t *testing.T) {
	t.Parallel()
	var endless endlessList
	if got, err := hibp.Search(&endless, suffix); got || err == nil {
		t.Errorf("got %t, %v; want an error", got, err)
	}
	if endless.read > hibp.MaxBody+1 {
		t.Errorf("%d bytes were read, want at most %d", endless.read, hibp.MaxBody+1)
	}
}

// endlessList is a list of one entry, over and over.
type endlessList struct{ read int }

func (e *endlessList) Read(p []byte) (int, error) {
	const line = other + ":1\n"
	for i := range p {
		p[i] = line[(e.read+i)%len(line)]
	}
	e.read += len(p)
	return len(p), nil
}

func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		"", suffix + ":1", strings.ToUpper(suffix) + ":0\r\n" + other + ":12\r\n", other + ":1\n\n" + suffix + ":3\n", "<html>", suffix, "\r\r\n:", "\xff\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		got, err := hibp.Search(strings.NewReader(list), suffix)
		slow, slowErr := hibp.Search(iotest.OneByteReader(strings.NewReader(list)), suffix)
		if got != slow || fmt.Sprint(err) != fmt.Sprint(slowErr) {
			t.Fatalf("in one piece: %t, %v; byte by byte: %t, %v", got, err, slow, slowErr)
		}
		if got && (err != nil || !strings.Contains(strings.ToLower(list), suffix+":")) {
			t.Fatalf("found with error %v, or in a list without it", err)
		}
		if err != nil || len(list) > hibp.MaxBody-100 {
			return
		}
		if more, err := hibp.Search(strings.NewReader(list+"\n"+suffix+":0"), suffix); more != got || err != nil {
			t.Fatalf("padding changes %t to %t, %v", got, more, err)
		}
		if more, err := hibp.Search(strings.NewReader(list+"\n"+suffix+":1"), suffix); !more || err != nil {
			t.Fatalf("an entry behind it is not found: %v", err)
		}
		if more, err := hibp.Search(strings.NewReader(list+"\n?"), suffix); more || err == nil {
			t.Fatal("garbage behind it is believed")
		}
	})
}
