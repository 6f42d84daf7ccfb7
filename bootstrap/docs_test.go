package bootstrap_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"authserve/bootstrap"
)

// texts are the files that people read or copy from: documents and deployments.
func texts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); len(name) > 2 && strings.HasPrefix(name, ".") || name == "data" {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) == ".md" || strings.HasPrefix(path, filepath.Join("..", "deployments")) {
			text, err := os.ReadFile(path)
			found[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d texts found: nothing was checked", len(found))
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

func TestLinksInDocumentsResolve(t *testing.T) {
	t.Parallel()
	for path, text := range texts(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") { // another site
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
	}
}

var variable = regexp.MustCompile(`AUTHSERVE_[A-Z0-9_]*[A-Z0-9]`)

func TestDocumentsNameOnlySettingsThatExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"AUTHSERVE_CONFIG_FILE": true}
	for _, f := range bootstrap.ConfigFlags() {
		name := "AUTHSERVE_" + strings.ToUpper(strings.ReplaceAll(f.Flag, "-", "_"))
		known[name], known[strings.TrimSuffix(name, "_FILE")] = true, true
	}
	for path, text := range texts(t) {
		for _, name := range variable.FindAllString(text, -1) {
			if !known[name] && !strings.Contains(text, name+"_…") {
				t.Errorf("%s names %s, which is no setting", path, name)
			}
		}
	}
}
