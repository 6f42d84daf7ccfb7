package checksum_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"authserve/ent/migrate/checksum"
	"authserve/ent/migrate/mysql"
	"authserve/ent/migrate/postgres"
	"authserve/ent/migrate/sqlite"
)

// rule is what the files of one database must keep to.
type rule struct {
	files    fs.FS
	oneEach  bool           // one statement each way, since there are no transactions for a schema
	reserved *regexp.Regexp // what no statement may have
}

func rules() map[string]rule {
	return map[string]rule{
		"sqlite":   {files: sqlite.Files, reserved: regexp.MustCompile(`(?i)\bBEGIN\b|\bCOMMIT\b|PRAGMA foreign_keys`)},
		"postgres": {files: postgres.Files, reserved: regexp.MustCompile(`(?i)\bBEGIN\b|\bCOMMIT\b|\bCONCURRENTLY\b`)},
		"mysql":    {files: mysql.Files, oneEach: true, reserved: regexp.MustCompile(`(?i)\bIF (NOT )?EXISTS\b|\bRENAME\b|\bCOMMIT\b`)},
	}
}

// faults are the lines of what is wrong with the files.
func (r rule) faults() []string {
	names, err := fs.Glob(r.files, "*.sql")
	if err != nil || len(names) == 0 {
		return []string{fmt.Sprintf("no files: %v", err)}
	}
	var found []string
	for _, name := range names {
		content, err := fs.ReadFile(r.files, name)
		if err != nil {
			return []string{err.Error()}
		}
		found = append(found, r.fileFaults(name, string(content))...)
	}
	return found
}

var fileName = regexp.MustCompile(`^\d{14}_[a-z0-9_]+\.sql$`)

func (r rule) fileFaults(name, text string) (found []string) {
	report := func(format string, args ...any) { found = append(found, name+": "+fmt.Sprintf(format, args...)) }
	if !fileName.MatchString(name) {
		report("want a name like 20260102150405_what_it_does.sql")
	}
	if strings.Contains(text, "NO TRANSACTION") {
		report("a step is a transaction where the database has them")
	}
	up, down, ok := strings.Cut(text, "-- +goose Down\n")
	if !ok || !strings.HasPrefix(up, "-- +goose Up\n") {
		report("want a part up and then a part down")
	}
	for part, statements := range map[string][]string{"up": statementsOf(up), "down": statementsOf(down)} {
		if len(statements) == 0 {
			report("nothing to do %s", part)
		}
		if r.oneEach && len(statements) > 1 {
			report("%d statements %s, want one", len(statements), part)
		}
		for _, s := range statements {
			if hit := r.reserved.FindString(s); hit != "" {
				report("%s has %q", part, hit)
			}
		}
	}
	return found
}

// statementsOf splits a part. No statement has a semicolon at the end of a line inside.
func statementsOf(part string) (statements []string) {
	var lines []string
	for line := range strings.Lines(part) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	for s := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
		if strings.TrimSpace(s) != "" {
			statements = append(statements, s)
		}
	}
	return statements
}

func TestFilesKeepToTheRules(t *testing.T) {
	t.Parallel()
	for name, r := range rules() {
		for _, fault := range r.faults() {
			t.Errorf("%s/%s", name, fault)
		}
		if err := checksum.Verify(r.files); err != nil {
			t.Errorf("%s: %v; a released migration must not change, an edited new one needs `task migrate:new` without a name", name, err)
		}
	}
}

func TestBrokenRulesAreSeen(t *testing.T) {
	t.Parallel()
	const name = "20260102150405_more.sql"
	for text, want := range map[string]string{
		"-- +goose Up\nCREATE TABLE a (b int);\n":                                                                 "want a part up and then a part down",
		"-- +goose Up\nCREATE TABLE a (b int);\n-- +goose Down\n-- nothing\n":                                     "nothing to do down",
		"-- +goose Up\nCREATE TABLE a (b int);\nCREATE TABLE c (d int);\n-- +goose Down\nDROP TABLE a;\n":         "2 statements up, want one",
		"-- +goose Up\nCREATE TABLE IF NOT EXISTS a (b int);\n-- +goose Down\nDROP TABLE a;\n":                    `up has "IF NOT EXISTS"`,
		"-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (b int);\n-- +goose Down\nDROP TABLE a;\n":        "a step is a transaction",
		"-- +goose Up\nCREATE TABLE a (b int);\n\n-- +goose Down\n-- it goes\nDROP TABLE a;\n":                    "",
		"-- +goose Up\nALTER TABLE a RENAME TO b;\n\n-- +goose Down\nALTER TABLE b ADD COLUMN renamed boolean;\n": `up has "RENAME"`,
	} {
		r := rules()["mysql"]
		r.files = fstest.MapFS{name: {Data: []byte(text)}}
		got := strings.Join(r.faults(), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s\ngot %q, want %q", text, got, want)
		}
	}
}

// TestEveryDatabaseHasTheSameSteps: a step that one database lacks is a schema that one
// database lacks. On MySQL a step has a file for each statement.
func TestEveryDatabaseHasTheSameSteps(t *testing.T) {
	t.Parallel()
	number := regexp.MustCompile(`^\d+_(.+?)(_\d\d)?\.sql$`)
	steps := map[string]string{}
	for name, r := range rules() {
		files, err := fs.Glob(r.files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, file := range files {
			if step := number.FindStringSubmatch(file)[1]; step != last {
				steps[name] += step + "\n"
				last = step
			}
		}
	}
	if steps["sqlite"] != steps["postgres"] || steps["sqlite"] != steps["mysql"] {
		t.Errorf("the steps differ: %q", steps)
	}
}
