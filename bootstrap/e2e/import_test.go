package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	_ "github.com/mattn/go-sqlite3" // what the other program keeps its users in
	"golang.org/x/crypto/bcrypt"

	"authserve/bootstrap/harness"
)

// importReport is what `user import --json` prints.
type importReport struct {
	DryRun          bool     `json:"dry_run"`
	Complete        bool     `json:"complete"`
	Rows            int      `json:"rows"`
	Imported        int      `json:"imported"`
	WithoutPassword int      `json:"without_password"`
	Disabled        int      `json:"disabled"`
	AlreadyImported int      `json:"already_imported"`
	Refused         int      `json:"refused"`
	IgnoredFields   []string `json:"ignored_fields"`
}

// importUsers runs an import to its end.
func importUsers(t *testing.T, dir, stdin string, code int, args ...string) (report importReport, stderr string) {
	t.Helper()
	stdout, stderr, got := command(t, dir, stdin, append([]string{"user", "import", "--json"}, args...)...)
	if got != code {
		t.Fatalf("%v: exit %d, %s; want %d", args, got, stderr, code)
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v: output %q: %v", args, stdout, err)
	}
	if strings.Contains(stdout+stderr, "$2b$") || strings.Contains(stdout+stderr, "$pbkdf2") {
		t.Error("a hash was printed")
	}
	return report, stderr
}

// passlibBcrypt is what passlib.hash.bcrypt.hash returns. Go names the same
// algorithm 2a.
func passlibBcrypt(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		t.Fatal(err)
	}
	return "$2b$" + strings.TrimPrefix(string(hash), "$2a$")
}

// passlibPBKDF2 is what passlib.hash.pbkdf2_sha256.hash returns: its base64 has a
// dot for the plus sign and no padding
// (https://passlib.readthedocs.io/en/stable/lib/passlib.hash.pbkdf2_digest.html).
func passlibPBKDF2(t *testing.T, password string) string {
	t.Helper()
	const rounds = 29000
	salt := []byte("\xfb\xef\xbesixteen bytes")
	key, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(b []byte) string {
		return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(b), "+", ".")
	}
	return fmt.Sprintf("$pbkdf2-sha256$%d$%s$%s", rounds, encode(salt), encode(key))
}

// sqlAlchemyDatabase is the database of a service on FastAPI, SQLAlchemy and passlib.
func sqlAlchemyDatabase(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "app.db")
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	const schema = `CREATE TABLE users (
		id INTEGER NOT NULL, email VARCHAR NOT NULL, username VARCHAR, hashed_password VARCHAR NOT NULL,
		is_active BOOLEAN, created_at DATETIME, PRIMARY KEY (id), UNIQUE (email))`
	if _, err := db.ExecContext(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]any{
		{1, "Ada@example.com", "ada", passlibBcrypt(t, "tr0ub4dor"), 1, "2024-05-01 12:34:56.789012"},
		{2, "bob@example.com", "bob", passlibPBKDF2(t, "short"), 1, "2023-12-31 23:59:59.000000"},
		{3, "carol@example.com", nil, passlibBcrypt(t, harness.Password), 1, nil},
		{4, "eve@example.com", "eve", passlibBcrypt(t, harness.Password), 0, "2024-05-01 12:34:56.789012"},
		{5, "nobody", "nobody", passlibBcrypt(t, harness.Password), 1, "2024-05-01 12:34:56.789012"},
		{6, "mallory@example.com", "mallory", "plain text", 1, "2024-05-01 12:34:56.789012"},
	} {
		if _, err := db.ExecContext(t.Context(), `INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)`, row...); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestUsersOfASQLAlchemyServiceLogInAsBefore is docs/howto/import-users.md, beside a
// service that runs.
func TestUsersOfASQLAlchemyServiceLogInAsBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	users := sqlAlchemyDatabase(t, dir)
	before, err := os.ReadFile(users)
	if err != nil {
		t.Fatal(err)
	}
	p := startIn(t, dir)
	c := newCaller(t, p.HTTP)
	login := func(identifier, password string) map[string]string {
		return map[string]string{"identifier": identifier, "password": password}
	}

	report, stderr := importUsers(t, dir, "", 3, "--format", "sqlite", "--dry-run", users)
	want := importReport{DryRun: true, Complete: true, Rows: 6, Imported: 4, Disabled: 1, Refused: 2, IgnoredFields: []string{}}
	if !equalReports(report, want) {
		t.Errorf("dry run: %+v; want %+v", report, want)
	}
	for _, refused := range []string{`{"line":5,"source_id":"5","email":"nobody","field":"email",`, `{"line":6,"source_id":"6","email":"mallory@example.com","field":"password_hash",`} {
		if !strings.Contains(stderr, refused) {
			t.Errorf("stderr %q lacks %s", stderr, refused)
		}
	}
	c.refused(http.MethodPost, pathLogin, login("ada", "tr0ub4dor"), "", http.StatusUnauthorized, "invalid_credentials")

	report, _ = importUsers(t, dir, "", 3, "--format", "sqlite", users)
	if want.DryRun = false; !equalReports(report, want) {
		t.Errorf("import: %+v; want %+v", report, want)
	}
	for range 2 { // in the imported form, and in that which replaces it
		for _, sound := range []map[string]string{
			login("ada", "tr0ub4dor"), login("ADA@EXAMPLE.COM", "tr0ub4dor"), login("bob@example.com", "short"), login("carol@example.com", harness.Password),
		} {
			c.tokens(pathLogin, sound)
		}
		for _, wrong := range []map[string]string{
			login("ada", "tr0ub4dor "), login("bob", "Short"), login("carol@example.com", "tr0ub4dor"), login("eve", harness.Password),
			login("mallory", "plain text"), login("nobody", harness.Password),
		} {
			c.refused(http.MethodPost, pathLogin, wrong, "", http.StatusUnauthorized, "invalid_credentials")
		}
	}
	var me struct {
		Email     string   `json:"email"`
		Username  string   `json:"username"`
		Roles     []string `json:"roles"`
		Verified  bool     `json:"email_verified"`
		CreatedAt string   `json:"created_at"`
	}
	tokens := c.tokens(pathLogin, login("ada", "tr0ub4dor"))
	if err := c.do(http.MethodGet, pathMe, nil, tokens.Access, http.StatusOK).Decode(&me); err != nil {
		t.Fatal(err)
	}
	if me.Email != "Ada@example.com" || me.Username != "ada" || !slices.Equal(me.Roles, []string{"user"}) || me.Verified || me.CreatedAt != "2024-05-01T12:34:56.789012Z" {
		t.Errorf("profile = %+v", me)
	}

	report, _ = importUsers(t, dir, "", 3, "--format", "sqlite", users)
	if want.Imported, want.Disabled, want.AlreadyImported = 0, 0, 4; !equalReports(report, want) {
		t.Errorf("second import: %+v; want %+v", report, want)
	}
	c.tokens(pathLogin, login("ada", "tr0ub4dor"))
	if after, err := os.ReadFile(users); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file of the other program changed: %v", err)
	}
}

func equalReports(a, b importReport) bool {
	names := slices.Equal(a.IgnoredFields, b.IgnoredFields)
	a.IgnoredFields, b.IgnoredFields = nil, nil
	return names && fmt.Sprint(a) == fmt.Sprint(b)
}

// TestAnImportGoesOnAfterItsProcessEnded ends the program in the middle, at a time
// when two batches are certainly in the database and a third is being read.
func TestAnImportGoesOnAfterItsProcessEnded(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "kill -9": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var rows strings.Builder
			hash := passlibBcrypt(t, harness.Password)
			for n := range 3000 {
				email := fmt.Sprintf("user%d@example.com", n+1)
				if n+1 == 1500 {
					email = "nobody"
				}
				fmt.Fprintf(&rows, `{"id":%d,"email":%q,"hashed_password":%q,"created_at":"2024-05-01T00:00:00Z"}`+"\n", n+1, email, hash)
			}
			text := rows.String()
			begun := strings.Join(strings.SplitAfter(text, "\n")[:2500], "")
			stdout, stderr, code := interrupted(t, dir, begun, `"line":1500`, signal, "user", "import", "--format", "jsonl", "-")
			if signal == syscall.SIGINT && (code != 1 || !strings.Contains(stdout, "     1999  imported\n") || !strings.Contains(stderr, "the same command goes on")) {
				t.Errorf("exit %d, %q, %q; want 1 and how far it came", code, stdout, stderr)
			}

			report, _ := importUsers(t, dir, text, 3, "--format", "jsonl", "-")
			want := importReport{Complete: true, Rows: 3000, Imported: 1000, AlreadyImported: 1999, Refused: 1, IgnoredFields: []string{}}
			if !equalReports(report, want) {
				t.Errorf("the same again: %+v; want %+v", report, want)
			}
			report, _ = importUsers(t, dir, text, 3, "--format", "jsonl", "-")
			if want.Imported, want.AlreadyImported = 0, 2999; !equalReports(report, want) {
				t.Errorf("a third time: %+v; want %+v", report, want)
			}
			c := newCaller(t, startIn(t, dir).HTTP)
			for _, n := range []int{1, 1999, 2001, 3000} {
				c.tokens(pathLogin, map[string]string{"identifier": fmt.Sprintf("user%d@example.com", n), "password": harness.Password})
			}
		})
	}
}

// interrupted runs a command with an input that does not end, and sends signal once
// the command has written mark to standard error.
func interrupted(t *testing.T, dir, stdin, mark string, signal syscall.Signal, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), binary, args...)
	cmd.Dir, cmd.Env = dir, harness.Environ(dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderrPipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, stdin); err != nil {
		t.Errorf("standard input: %v", err)
	}
	var errOut strings.Builder
	lines, sent := bufio.NewScanner(stderrPipe), false
	for lines.Scan() {
		errOut.WriteString(lines.Text() + "\n")
		if !sent && strings.Contains(lines.Text(), mark) {
			sent = true
			if err := cmd.Process.Signal(signal); err != nil {
				t.Error(err)
			}
		}
	}
	var failed *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &failed) {
		t.Error(err)
	}
	if !sent {
		t.Fatalf("the command ended by itself: %q", errOut.String())
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}
