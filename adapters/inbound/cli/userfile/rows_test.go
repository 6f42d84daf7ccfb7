package userfile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/cli/userfile"
)

func TestBooleans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1": "true", "t": "true", "true": "true", "True": "true", "TRUE": "true",
		"0": "false", "f": "false", "false": "false", "False": "false", "": "false",
		"yes": "2 email_verified invalid_format", "2": "2 email_verified invalid_format", " 1": "2 email_verified invalid_format",
	} {
		got := read(t, userfile.CSV, "email,password,email_verified\na@b.c,,"+text+"\n")
		var answer string
		if len(got.rows) == 1 {
			answer = map[bool]string{true: "true", false: "false"}[got.rows[0].EmailVerified]
		} else {
			answer = strings.Join(got.faults, "; ")
		}
		if answer != want {
			t.Errorf("%q: %s; want %s", text, answer, want)
		}
	}
	// An empty status means what it meant in the program that wrote it.
	for header, disabled := range map[string]bool{"is_active": true, "disabled": false} {
		if got := read(t, userfile.CSV, "email,password,"+header+"\na@b.c,,\n"); len(got.rows) != 1 || got.rows[0].Disabled != disabled {
			t.Errorf("empty %s: %+v; want disabled %v", header, got, disabled)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	noon := time.Date(2024, time.May, 1, 12, 34, 56, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2024-05-01T12:34:56Z":             noon,
		"2024-05-01T14:34:56+02:00":        noon,
		"2024-05-01 12:34:56":              noon,
		"2024-05-01T12:34:56":              noon,
		"2024-05-01 12:34:56.789012":       noon.Add(789012 * time.Microsecond),
		"2024-05-01 12:34:56.7890129":      noon.Add(789012 * time.Microsecond),
		"2024-05-01 12:34:56.789012+00":    noon.Add(789012 * time.Microsecond),
		"2024-05-01 12:34:56.789012-03:30": noon.Add(3*time.Hour + 30*time.Minute + 789012*time.Microsecond),
		"":                                 {},
	} {
		got := read(t, userfile.CSV, "email,password,created_at\na@b.c,,"+text+"\n")
		if len(got.rows) != 1 || !got.rows[0].CreatedAt.Equal(want) || got.rows[0].CreatedAt.Location() != time.UTC {
			t.Errorf("%q: %+v; want %v", text, got, want)
		}
	}
	for text, code := range map[string]string{
		"1714566896": "invalid_format", "1714566896000": "invalid_format", "2024-05-01": "invalid_format", "01.05.2024 12:34:56": "invalid_format",
		"2024-02-30T12:34:56Z": "invalid_format", "2024-05-01  12:34:56": "invalid_format", "2024-05-01T12:34:56Z ": "invalid_format",
		"now": "invalid_format", "0001-01-01T00:00:00Z": "out_of_range",
	} {
		got := read(t, userfile.CSV, "email,password,created_at\na@b.c,,"+text+"\n")
		if want := "2 created_at " + code; len(got.faults) != 1 || got.faults[0] != want {
			t.Errorf("%q: %+v; want %s", text, got, want)
		}
	}
}

func TestJSONLinesAreStrict(t *testing.T) {
	t.Parallel()
	const sound = `{"email":"a@b.c","password":null}`
	for line, want := range map[string]string{
		sound: "",
		`  {"email" : "a@b.c", "password":"" } ` + "\t": "",
		`{"password":null}`:                             "", // for the import to refuse: every row needs an address
		`{"email":"a@b.c"}`:                             "2 password_hash required",
		sound + `x`:                                     "2 malformed_row",
		sound + sound:                                   "2 malformed_row",
		`[` + sound + `]`:                               "2 malformed_row",
		`"a@b.c"`:                                       "2 malformed_row",
		`null`:                                          "2 malformed_row",
		`{"id":1,"email":"a@b.c","password":null`:                      "2 id=1 malformed_row",
		`{"id":1,"email":"a@b.c","password":null,}`:                    "2 id=1 malformed_row",
		`{"id":1,"id":1,"email":"a@b.c","password":null}`:              "2 id=1 malformed_row",
		`{"id":1,"x":1,"x":2,"email":"a@b.c","password":null}`:         "2 id=1 malformed_row",
		`{"id":1,'email':"a@b.c"}`:                                     "2 id=1 malformed_row",
		"{\"id\":1,\"email\":\"\xff\",\"password\":null}":              "2 id=1 malformed_row",
		`{"id":1,"source_id":1,"email":"a","password":null}`:           "2 id=1 source_id malformed_row",
		`{"id":1,"email":"a","password":null,"password_hash":"x"}`:     "2 id=1 password_hash malformed_row",
		`{"id":1,"email":["a@b.c"],"password":null}`:                   "2 id=1 email malformed_row",
		`{"id":1,"email":7,"password":null}`:                           "2 id=1 email invalid_format",
		`{"id":1,"email":"a","password":true}`:                         "2 id=1 password_hash invalid_format",
		`{"id":1,"email":"a","password":null,"name":7}`:                "2 id=1 display_name invalid_format",
		`{"id":1,"email":"a","password":null,"username":7}`:            "2 id=1 username invalid_format",
		`{"id":1,"email":"a","password":null,"is_active":2}`:           "2 id=1 is_active invalid_format",
		`{"id":1,"email":"a","password":null,"is_active":null}`:        "",
		`{"id":1,"email":"a","password":null,"created_at":1714566896}`: "2 id=1 created_at invalid_format",
		`{"id":1,"email":"` + strings.Repeat("a", 64<<10) + `"}`:       "2 malformed_row",
	} {
		got := read(t, userfile.JSONL, sound+"\n"+line+"\n\n"+sound)
		rows := 3
		if want != "" {
			rows = 2
		}
		if strings.Join(got.faults, "; ") != want || len(got.rows) != rows || got.err != nil {
			t.Errorf("%.80s: %d rows, faults %q, %v; want %q", line, len(got.rows), got.faults, got.err, want)
			continue
		}
		if last := got.rows[rows-1]; last.Line != 4 {
			t.Errorf("%.80s: the row behind it is on line %d; want 4", line, last.Line)
		}
	}
}

func TestFaultsDoNotRepeatTheHash(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, format := range []userfile.Format{userfile.JSONL, userfile.CSV} {
		f := open(t, userfile.Source{Format: format, Path: "-", Stdin: strings.NewReader(
			"email,password\n\"" + secret + "\"x,y\n{\"email\":\"a\",\"password\":\"" + secret + "\",\"" + secret + "\x00\":1}\n{\"password\":[\"" + secret + "\"]}\n" + secret)})
		for _, err := range f.Rows() {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", format, err)
			}
		}
	}
}

func TestCSVRowsThatDoNotFit(t *testing.T) {
	t.Parallel()
	got := read(t, userfile.CSV, strings.Join([]string{
		`id,email,password`,
		`1,a@b.c,`,
		`2,a@b.c`,
		`3,a@b.c,,`,
		`4,"a@b.c,`,
		`5,b@b.c"x,`,
		`6,a"b,`,
		"7,\xff,",
		``,
		`"8","multi`,
		`line",`,
		`9,a@b.c,"open`,
		`10,a@b.c,`,
	}, "\n"))
	wantFaults := []string{
		"3 malformed_row", "4 malformed_row", "5 malformed_row", // with the line below it
		"7 malformed_row", "8 malformed_row", "12 malformed_row",
	}
	if !slices.Equal(got.faults, wantFaults) || got.err != nil {
		t.Errorf("faults = %q, %v; want %q", got.faults, got.err, wantFaults)
	}
	if len(got.rows) != 2 || got.rows[0].SourceID != "1" || got.rows[1].Email != "multi\nline" || got.rows[1].Line != 10 {
		t.Errorf("rows = %+v; want those of ids 1 and 8", got.rows)
	}
}

func TestLongFilesOfShortRows(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	for format, text := range map[userfile.Format]string{
		userfile.JSONL: strings.Repeat(`{"email":"ada@example.org","password":null}`+"\n", rows),
		userfile.CSV:   "email,password\n" + strings.Repeat("ada@example.org,\n", rows),
	} {
		if got := read(t, format, text); len(got.rows) != rows || got.err != nil || got.faults != nil {
			t.Errorf("%s: %d rows, %q, %v; want %d", format, len(got.rows), got.faults, got.err, rows)
		}
	}
}
