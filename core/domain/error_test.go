package domain_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"authserve/core/domain"
)

func TestErrorKeepsItsMeaningThroughWrapping(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	sentinel := domain.NewError(domain.KindUnavailable, domain.CodeDependencyUnavailable, "down")
	err := fmt.Errorf("while reading: %w", sentinel.Wrap(cause))
	if !errors.Is(err, sentinel) || !errors.Is(err, cause) {
		t.Errorf("%v is not its sentinel and its cause", err)
	}
	if domain.KindOf(err) != domain.KindUnavailable || domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("kind %v, code %v", domain.KindOf(err), domain.CodeOf(err))
	}
	if errors.Is(sentinel, cause) {
		t.Error("Wrap changed the sentinel")
	}
	if untyped := errors.New("x"); domain.KindOf(untyped) != domain.KindInternal || domain.CodeOf(untyped) != domain.CodeInternal {
		t.Error("an untyped error must be internal, never the caller's fault")
	}
}

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[domain.Code]bool{}
	for _, d := range domain.Catalogue() {
		if seen[d.Code] || d.Meaning == "" || !strings.HasSuffix(d.Meaning, ".") {
			t.Errorf("catalogue entry %+v is double or says nothing", d)
		}
		seen[d.Code] = true
	}
}

func TestEveryCodeIsInTheCatalogueOrOfAField(t *testing.T) {
	t.Parallel()
	var want []string
	for _, d := range domain.Catalogue() {
		want = append(want, string(d.Code))
	}
	for _, d := range domain.FieldCatalogue() {
		want = append(want, string(d.Code))
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	constant := regexp.MustCompile(`(?m)^\s*(?:const )?Code\w+ .*=.*"(.+)"`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			got = append(got, m[1])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("constants: %q\ncodes of the catalogue and of fields: %q", got, want)
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	const good = "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"
	if id, err := domain.ParseID(good); err != nil || string(id) != good {
		t.Errorf("ParseID(%q) = %q, %v", good, id, err)
	}
	for _, bad := range []string{"", "x", strings.ToUpper(good), "{" + good + "}", good + " ", strings.ReplaceAll(good, "-", ""), strings.Replace(good, "0", "\x00", 1), strings.Replace(good, "-", "0", 1)} {
		if _, err := domain.ParseID(bad); domain.KindOf(err) != domain.KindNotFound {
			t.Errorf("ParseID(%q) error = %v; want not found", bad, err)
		}
	}
}

func TestCheckDisplayName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"": true, "Ada Lovelace": true, "李明 🐴": true, strings.Repeat("ä", 100): true,
		strings.Repeat("ä", 101): false, "a\nb": false, "a\u202eb": false, "a\u2028b": false, "a\u200bb": false, "a\ufeffb": false, "a\u00adb": false, "   ": false, "👩\u200d💻": true, "a\x00": false, "\xff": false,
	} {
		if err := domain.CheckDisplayName(name); (err == nil) != want {
			t.Errorf("CheckDisplayName(%q) = %v; want accepted %v", name, err, want)
		}
	}
}

func TestCheckIdempotencyKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		strings.Repeat("a", 22): true, strings.Repeat("a", 21): false, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
		strings.Repeat("a", 22) + "\r\n": false, strings.Repeat("ä", 22): false,
	} {
		if err := domain.CheckIdempotencyKey(key); (err == nil) != want {
			t.Errorf("CheckIdempotencyKey(%q) = %v; want accepted %v", key, err, want)
		}
	}
}
