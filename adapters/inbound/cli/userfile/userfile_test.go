package userfile_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"authserve/adapters/inbound/cli/userfile"
	"authserve/core/account"
	"authserve/core/domain"
)

// read reads a text to its end.
func read(t testing.TB, format userfile.Format, text string) reading {
	t.Helper()
	return readAll(t, open(t, userfile.Source{Format: format, Path: "-", Stdin: strings.NewReader(text)}))
}

func open(t testing.TB, s userfile.Source) *userfile.File {
	t.Helper()
	f, err := userfile.Open(context.Background(), s)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

// reading is what a file had.
type reading struct {
	rows    []account.ImportRow // without fault
	faults  []string            // of the others: line, field, code
	ignored []string
	err     error // that ended the reading
}

func readAll(t testing.TB, f *userfile.File) (got reading) {
	t.Helper()
	for row, err := range f.Rows() {
		var known *domain.Error
		switch {
		case err == nil:
			got.rows = append(got.rows, row)
		case !errors.As(err, &known):
			got.err = err
		case known.Kind != domain.KindInvalid && known.Kind != domain.KindMalformed:
			t.Errorf("line %d: %v; want a fault of the row", row.Line, err)
		default:
			got.faults = append(got.faults, describe(row, known))
		}
	}
	got.ignored = f.Ignored()
	return got
}

func describe(row account.ImportRow, err *domain.Error) string {
	parts := []string{itoa(row.Line)}
	if row.SourceID != "" {
		parts = append(parts, "id="+row.SourceID)
	}
	code := err.Code
	if len(err.Fields) > 0 {
		parts, code = append(parts, err.Fields[0].Field), err.Fields[0].Code
	}
	return strings.Join(append(parts, string(code)), " ")
}

func TestEveryFormatGivesTheSameRow(t *testing.T) {
	t.Parallel()
	want := account.ImportRow{
		SourceID: "17", Email: "ada@example.org", Username: "ada", DisplayName: `Ada "the first", Lovelace`,
		PasswordHash: domain.NewSecret("$2b$12$hash"), Disabled: true, EmailVerified: true,
		CreatedAt: time.Date(2024, time.May, 1, 12, 34, 56, 789012000, time.UTC),
	}
	database := newDatabase(t, `CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR, username VARCHAR, full_name VARCHAR,
			hashed_password VARCHAR, is_active BOOLEAN, is_verified BOOLEAN, created_at DATETIME, is_superuser BOOLEAN)`,
		`INSERT INTO users VALUES (17, 'ada@example.org', 'ada', 'Ada "the first", Lovelace', '$2b$12$hash', 0, 1, '2024-05-01 12:34:56.789012', 1)`)
	files := map[string]struct {
		source userfile.Source
		line   int
	}{
		"jsonl": {userfile.Source{Format: userfile.JSONL, Path: file(t, "\ufeff\n"+`{"is_superuser":{"a":[1]},"id":17,"email":"ada@example.org","username":"ada","display_name":"Ada \"the first\", Lovelace",`+
			`"password_hash":"$2b$12$hash","is_active":false,"email_verified":true,"created_at":"2024-05-01T14:34:56.789012345+02:00"}`+"\r\n\r\n")}, 2},
		"csv": {userfile.Source{Format: userfile.CSV, Path: file(t, "\ufeffid,email,username,name,password,disabled,is_superuser,email_verified,date_joined\r\n"+
			"17,ada@example.org,ada,\"Ada \"\"the first\"\", Lovelace\",$2b$12$hash,True,yes,t,2024-05-01 12:34:56.789012+00\r\n")}, 2},
		"sqlite": {userfile.Source{Format: userfile.SQLite, Path: database, Table: "users"}, 1},
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readAll(t, open(t, f.source))
			want := want
			want.Line = f.line
			if len(got.rows) != 1 || got.rows[0] != want || got.faults != nil || got.err != nil {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
			if !slices.Equal(got.ignored, []string{"is_superuser"}) {
				t.Errorf("ignored = %q; want is_superuser", got.ignored)
			}
		})
	}
}

func TestNamesOfFields(t *testing.T) {
	t.Parallel()
	for name, has := range map[string]func(account.ImportRow) bool{
		"id":              func(r account.ImportRow) bool { return r.SourceID == "1" },
		"source_id":       func(r account.ImportRow) bool { return r.SourceID == "1" },
		"username":        func(r account.ImportRow) bool { return r.Username == "1" },
		"display_name":    func(r account.ImportRow) bool { return r.DisplayName == "1" },
		"full_name":       func(r account.ImportRow) bool { return r.DisplayName == "1" },
		"name":            func(r account.ImportRow) bool { return r.DisplayName == "1" },
		"is_active":       func(r account.ImportRow) bool { return !r.Disabled },
		"active":          func(r account.ImportRow) bool { return !r.Disabled },
		"disabled":        func(r account.ImportRow) bool { return r.Disabled },
		"email_verified":  func(r account.ImportRow) bool { return r.EmailVerified },
		"is_verified":     func(r account.ImportRow) bool { return r.EmailVerified },
		"password_hash":   func(r account.ImportRow) bool { return r.PasswordHash.Reveal() == "1" },
		"hashed_password": func(r account.ImportRow) bool { return r.PasswordHash.Reveal() == "1" },
		"password":        func(r account.ImportRow) bool { return r.PasswordHash.Reveal() == "1" },
	} {
		header, cells := "email,"+name, "a@b.c,1"
		if !strings.Contains(name, "password") {
			header, cells = header+",password", cells+","
		}
		got := read(t, userfile.CSV, header+"\n"+cells+"\n")
		if len(got.rows) != 1 || !has(got.rows[0]) || got.ignored != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAnOpenQuoteDoesNotSwallowTheFile(t *testing.T) {
	t.Parallel()
	var read atomic.Int64
	endless := readerFunc(func(p []byte) (int, error) {
		read.Add(int64(len(p)))
		return copy(p, strings.Repeat("x\n", len(p)/2+1)), nil
	})
	f := open(t, userfile.Source{Format: userfile.CSV, Path: "-", Stdin: io.MultiReader(strings.NewReader("email,password\na@b.c,\nb@b.c,\"open\n"), endless)})
	got := readAll(t, f)
	if got.err == nil || !strings.Contains(got.err.Error(), "line 2") || len(got.rows) != 1 {
		t.Errorf("got %+v; want an end after line 2", got)
	}
	if err := f.Close(); err != nil || read.Load() > 1<<20 {
		t.Errorf("%v after %d bytes; want an end soon", err, read.Load())
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFilesThatCannotBeImported(t *testing.T) {
	t.Parallel()
	empty := newDatabase(t, `CREATE TABLE accounts (email, password)`, `CREATE VIEW people AS SELECT 1 AS a`)
	for name, c := range map[string]struct {
		source userfile.Source
		want   string
	}{
		"csv without a header":       {csvText(""), "the file is empty"},
		"csv without an e-mail":      {csvText("id,Email,password\n"), `there is no column email, only id, Email, password`},
		"csv without passwords":      {csvText("id,email,pw\n"), `there is no column password_hash, hashed_password or password, only id, email, pw: add an empty one`},
		"csv with two of a kind":     {csvText("email,password,hashed_password\n"), `the columns "password" and "hashed_password" mean the same`},
		"csv with a column twice":    {csvText("email,password,email\n"), `the columns "email" and "email" mean the same`},
		"csv with two statuses":      {csvText("email,password,disabled,is_active\n"), `the columns "disabled" and "is_active" mean the same`},
		"csv of another separator":   {csvText("email;password\n"), `only email;password`},
		"csv with an endless header": {csvText(strings.Repeat("x", 1<<20)), "64 KiB"},
		"csv with a strange header":  {csvText("a\u001b[31m,\n"), `only "a\x1b[31m", ""`},
		"no such file":               {userfile.Source{Format: userfile.JSONL, Path: "absent.jsonl"}, "read absent.jsonl: no such file"},
		"no such format":             {userfile.Source{Format: "xml", Path: "-", Stdin: strings.NewReader("")}, `read standard input: there is no format "xml"`},
		"no such database":           {userfile.Source{Format: userfile.SQLite, Path: "absent.db", Table: "users"}, "read absent.db: no such file"},
		"database from a stream":     {userfile.Source{Format: userfile.SQLite, Path: "-", Table: "users"}, "cannot be read from a stream"},
		"directory":                  {userfile.Source{Format: userfile.SQLite, Path: t.TempDir(), Table: "users"}, "it is not a file"},
		"no database":                {userfile.Source{Format: userfile.SQLite, Path: file(t, strings.Repeat("email,password\n", 100)), Table: "users"}, "file is not a database"},
		"no such table":              {userfile.Source{Format: userfile.SQLite, Path: empty, Table: "users"}, `there is no table "users", only accounts, people`},
		"table without an e-mail":    {userfile.Source{Format: userfile.SQLite, Path: empty, Table: "people"}, "there is no column email, only a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := userfile.Open(t.Context(), c.source)
			if err == nil {
				t.Fatalf("opened %v", f)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v; want %q in it", err, c.want)
			}
		})
	}
}

func csvText(text string) userfile.Source {
	return userfile.Source{Format: userfile.CSV, Path: "-", Stdin: strings.NewReader(text)}
}

func TestIgnoredNamesAreBounded(t *testing.T) {
	t.Parallel()
	var line strings.Builder
	line.WriteString(`{"email":"a@b.c","password":null`)
	for n := range 1000 {
		line.WriteString(`,"x` + itoa(n) + `":0`)
	}
	long := `{"email":"a@b.c","password":null,"` + strings.Repeat("ä", 1000) + `":1}` + "\n"
	got := read(t, userfile.JSONL, long+line.String()+"}\n"+line.String()+"}\n")
	if len(got.ignored) != 100 || len(got.ignored[0]) > 70 || got.ignored[1] != "x0" || len(got.rows) != 3 {
		t.Errorf("%d rows, ignored %q; want 100 names of some length, each once", len(got.rows), got.ignored)
	}
}

func TestFaultsOfTheFileEndTheReading(t *testing.T) {
	t.Parallel()
	broken := errors.New("input/output error")
	for _, format := range []userfile.Format{userfile.JSONL, userfile.CSV} {
		text := map[userfile.Format]string{
			userfile.JSONL: `{"email":"a@b.c","password":null}` + "\n" + `{"email":"b@b.c","pass`,
			userfile.CSV:   "email,password\na@b.c,\nb@b.c,",
		}[format]
		got := readAll(t, open(t, userfile.Source{Format: format, Path: "-", Stdin: io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))}))
		if !errors.Is(got.err, broken) || len(got.rows) != 1 || got.faults != nil {
			t.Errorf("%s: %+v; want one row and the fault", format, got)
		}
	}
}

func TestRowsMayArriveInPieces(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(`{"email":"a@b.c","password":"$2b$12$hash"}`+"\n", 100)
	for name, in := range map[string]io.Reader{
		"bytes": iotest.OneByteReader(strings.NewReader(text)), "halves": iotest.HalfReader(strings.NewReader(text)),
		"end with the data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		got := readAll(t, open(t, userfile.Source{Format: userfile.JSONL, Path: "-", Stdin: in}))
		if len(got.rows) != 100 || got.rows[99].Line != 100 || got.rows[99].PasswordHash.Reveal() != "$2b$12$hash" || got.err != nil {
			t.Errorf("%s: %d rows, %v", name, len(got.rows), got.err)
		}
	}
}

func TestAReadingThatWaitsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, out := io.Pipe()
	f, err := userfile.Open(ctx, userfile.Source{Format: userfile.JSONL, Path: "-", Stdin: in})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(out, `{"email":"a@b.c","password":null}`+"\n")
	}()
	var got reading
	for row, err := range f.Rows() {
		if got.err = err; err == nil {
			got.rows = append(got.rows, row)
			cancel() // and nothing more is ever written
		}
	}
	if !errors.Is(got.err, context.Canceled) || len(got.rows) != 1 {
		t.Errorf("got %+v; want one row and the end of the context", got)
	}
	if err := errors.Join(f.Close(), out.Close()); err != nil {
		t.Error(err)
	}
}

func TestReadingCanStopEarly(t *testing.T) {
	t.Parallel()
	database := newDatabase(t, `CREATE TABLE users (email, password)`, `INSERT INTO users VALUES ('a', 'x'), ('b', 'y')`)
	for _, s := range []userfile.Source{
		{Format: userfile.JSONL, Path: "-", Stdin: strings.NewReader("{}\n{}\n")},
		csvText("email,password\na,\nb,\n"),
		{Format: userfile.SQLite, Path: database, Table: "users"},
	} {
		rows := 0
		for _, err := range open(t, s).Rows() {
			rows++
			if err != nil && s.Format != userfile.JSONL {
				t.Error(err)
			}
			break
		}
		if rows != 1 {
			t.Errorf("%s: %d rows", s.Format, rows)
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file writes text into a file.
func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
