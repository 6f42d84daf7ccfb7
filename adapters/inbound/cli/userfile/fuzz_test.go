package userfile_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"authserve/adapters/inbound/cli/userfile"
	"authserve/core/account"
	"authserve/core/domain"
)

func FuzzJSONL(f *testing.F) {
	for _, seed := range []string{
		"", "\n\n", "\ufeff{}", `{"email":"a@b.c","password":null}`, `{"email":"a@b.c","password":"x","id":1,"is_active":true,"created_at":"2024-05-01T00:00:00Z"}` + "\r\n{",
		`{"email":"a","email":"b"}`, `{"x":[[[{"y":1}]]],"email":{},"id":1e3}` + "\n" + `{"password":"\ud800"}`, "\xff\n[]\nnull",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, userfile.JSONL, text) })
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"", "email,password\n", "\ufeffemail,password,id\r\na@b.c,x,1\r\n", "email,password\n\"a\nb\",\"\"\"\"\n", "email,password\n\"a\n", "email,password\na\"b,\n\n\n,,\n",
		"email,password,is_active,created_at\na,b,1,2024-05-01 00:00:00\n", "email,email\n", "password\n\xff", "\"email\",password\n\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, userfile.CSV, text) })
}

// fuzz checks what the import relies on: lines rise, no row is longer than its file,
// and what comes without an error is text.
func fuzz(t *testing.T, format userfile.Format, text string) {
	t.Helper()
	file, err := userfile.Open(t.Context(), userfile.Source{Format: format, Path: "-", Stdin: strings.NewReader(text)})
	if err != nil {
		return
	}
	last, ended := 0, false
	for row, err := range file.Rows() {
		if ended {
			t.Fatal("rows behind the error that ended the reading")
		}
		if err != nil && !errors.As(err, new(*domain.Error)) {
			ended = true
			continue
		}
		if row.Line <= last || row.Line > strings.Count(text, "\n")+1 {
			t.Fatalf("line %d after line %d", row.Line, last)
		}
		last = row.Line
		if err == nil {
			checkRow(t, row, len(text))
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkRow(t *testing.T, row account.ImportRow, most int) {
	t.Helper()
	for _, s := range []string{row.SourceID, row.Email, row.Username, row.DisplayName, row.PasswordHash.Reveal()} {
		if !utf8.ValidString(s) || len(s) > most {
			t.Fatalf("%q of a file of %d bytes", s, most)
		}
	}
	if row.CreatedAt != domain.Instant(row.CreatedAt) {
		t.Fatalf("created at %v, which is no instant", row.CreatedAt)
	}
}
