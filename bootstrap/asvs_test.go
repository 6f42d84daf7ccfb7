package bootstrap_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirements are the ids that docs/security/asvs.md answers, each in a row of its
// own: OWASP ASVS 5.0 by number, NIST SP 800-63B-4 by section, the RFCs by section.
var requirements = strings.Fields(`
	6.1.1 6.1.2 6.1.3 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.8 6.2.9 6.2.10 6.2.11 6.2.12
	6.3.1 6.3.2 6.3.4 6.3.5 6.3.6 6.3.7 6.3.8 6.4.1 6.4.2 6.4.3 6.4.6
	6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.5.8 6.6.2 6.6.3 6.7.2 6.8.1 6.8.2
	NIST-3.1.1.2 NIST-3.1.3.1 NIST-3.2.2 NIST-4.2.1.1 NIST-4.2.1.2 NIST-4.2.2.2 NIST-4.2.3
	7.1.2 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.5 7.5.1 7.5.2 NIST-5.1 NIST-5.1.1
	9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3 9.2.4 RFC8725-3.5 RFC9068-2.2 11.2.3 11.4.2 11.5.1
	10.3.1 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 10.4.6 10.4.8 10.4.9 10.5.5
	RFC9700-2.4 RFC9700-2.6 RFC7009-2.2 RFC7662-2.2 RFC8417
	2.3.3 4.1.3 4.1.4 8.2.1 8.2.2 8.2.3 8.3.2 13.1.2 13.1.3 13.2.3 13.2.6 13.3.1 13.4.4 13.4.5 14.2.1 14.3.2
	15.1.3 15.2.2 15.3.3 15.3.4 15.4.2 15.4.4
	16.2.1 16.2.2 16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.5.1 16.5.2 16.5.3 16.5.4 RFC9457
`)

var (
	requirementRow = regexp.MustCompile(`(?m)^\| ([0-9A-Z][-0-9A-Za-z.]+) \| (.+) \| (.+) \|$`)
	namedTest      = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")
)

// TestEveryRequirementNamesTestsThatExist holds docs/security/asvs.md against the list
// above and against the code: each requirement has one row, and a row names tests or
// says why there are none.
func TestEveryRequirementNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "security", "asvs.md"))
	if err != nil {
		t.Fatal(err)
	}
	var answered []string
	sources := map[string]string{}
	for _, row := range requirementRow.FindAllStringSubmatch(string(text), -1) {
		id, answer := row[1], row[3]
		answered = append(answered, id)
		tests := namedTest.FindAllStringSubmatch(answer, -1)
		if reason, none := strings.CutPrefix(answer, "None: "); none == (len(tests) > 0) || none && len(reason) < 20 {
			t.Errorf("%s: %q names neither tests nor, after None:, a reason", id, answer)
		}
		for _, named := range tests {
			folder, name := named[1], named[2]
			if _, read := sources[folder]; !read {
				sources[folder] = testSource(t, folder)
			}
			if !strings.Contains(sources[folder], "func "+name+"(") {
				t.Errorf("%s: %s has no test %s", id, folder, name)
			}
		}
	}
	slices.Sort(answered)
	want := slices.Sorted(slices.Values(requirements))
	if !slices.Equal(answered, want) {
		t.Errorf("rows:\n got %v\nwant %v", answered, want)
	}
}

// testSource is the text of all test files of a folder.
func testSource(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}
