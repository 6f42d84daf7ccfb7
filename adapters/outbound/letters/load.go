package letters

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"authserve/core/domain"
)

//go:embed templates
var builtin embed.FS

// builtinFolder is where the templates of the program are in builtin.
const builtinFolder = "templates"

// layout is the name of the files around the letters of a language.
const layout = "layout"

// files are contents by name, such as "de/verify_email.txt".
type files map[string]string

// fileNames are the files of one language, without its folder.
func fileNames() []string {
	names := []string{layout + ".txt", layout + ".html"}
	for _, kind := range domain.MessageKinds() {
		names = append(names, string(kind)+".txt", string(kind)+".html")
	}
	return names
}

// Builtin are the languages of the program's own templates.
func Builtin() []string {
	entries, _ := builtin.ReadDir(builtinFolder) // it is there, or the build had failed
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// load reads the templates of the program and, over them, those in the folder. Errors:
// all faults.
func load(folder string) ([]set, error) {
	own, err := fs.Sub(builtin, builtinFolder)
	if err != nil {
		return nil, err
	}
	all := files{}
	faults := all.read(own)
	if folder != "" {
		faults = append(faults, all.read(os.DirFS(folder))...)
	}
	var languages []string
	for name := range all {
		if folder, _, _ := strings.Cut(name, "/"); !slices.Contains(languages, folder) {
			languages = append(languages, folder)
		}
	}
	slices.Sort(languages)
	var sets []set
	for _, name := range languages {
		s, err := all.set(name)
		if err != nil {
			faults = append(faults, err)
		}
		sets = append(sets, s)
	}
	return sets, errors.Join(faults...)
}

// read adds the files of a folder with a folder for each language. Names that begin with
// a dot are left alone: editors, version control and Kubernetes put such files there.
func (f files) read(folder fs.FS) []error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return []error{fmt.Errorf("the folder of templates cannot be read: %w", err)}
	}
	var faults []error
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if tag, err := language.Parse(name); err != nil || tag.String() != name || tag == language.Und {
			faults = append(faults, fmt.Errorf(`%s: a folder of templates has the name of a language, such as "de" or "pt-BR"`, name))
			continue
		}
		faults = append(faults, f.readLanguage(folder, name)...)
	}
	return faults
}

func (f files) readLanguage(folder fs.FS, name string) []error {
	entries, err := fs.ReadDir(folder, name)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", name, err)}
	}
	known := fileNames()
	var faults []error
	for _, e := range entries {
		path := name + "/" + e.Name()
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue
		case !slices.Contains(known, e.Name()):
			faults = append(faults, fmt.Errorf("%s: there is no template of this name", path))
			continue
		}
		content, err := readFile(folder, path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
			continue
		}
		f[path] = content
	}
	return faults
}

func readFile(folder fs.FS, path string) (string, error) {
	file, err := folder.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	return readAll(file)
}

// set parses all templates of a language. Errors: what is missing, and every fault.
func (f files) set(name string) (set, error) {
	tag := language.Make(name)
	base, _ := tag.Base()
	s := set{tag: tag, base: base.String(), letters: map[domain.MessageKind]letterTemplate{}}
	var faults []error
	for _, file := range fileNames() {
		if _, found := f[name+"/"+file]; !found {
			faults = append(faults, fmt.Errorf("%s/%s: is missing: a language needs all of its templates", name, file))
		}
	}
	if faults != nil {
		return s, errors.Join(faults...)
	}
	for _, kind := range domain.MessageKinds() {
		path := name + "/" + string(kind)
		t, err := parse(path, f[name+"/"+layout+".txt"], f[path+".txt"], f[name+"/"+layout+".html"], f[path+".html"])
		if err != nil {
			faults = append(faults, err)
		}
		s.letters[kind] = t
	}
	return s, errors.Join(faults...)
}
