package bootstrap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of what is read: a mistaken path must not fill the memory.
const (
	maxConfigFile = 1 << 20
	maxSecretFile = 64 << 10
)

var errNotScalar = errors.New("takes one value, not a list")

// file reads the configuration file, if one is named.
func (l *loader) file(in LoadInput) layer {
	name, origin := in.File, "flag --config"
	if name == "" {
		origin = "environment " + envFile
		for _, pair := range in.Environ {
			if value, ok := strings.CutPrefix(pair, envFile+"="); ok {
				name = value
			}
		}
	}
	if name == "" {
		return nil
	}
	data, err := readBounded(name, maxConfigFile)
	if err != nil {
		l.fault("", origin, "cannot read the configuration file: %v", err)
		return nil
	}
	l.configFile = oneLine(name)
	return l.document(l.configFile, data)
}

// document flattens one YAML document. Scalars stay as they were written, so that
// a value means the same in a file, a variable and a flag, whatever type YAML
// sees in it.
func (l *loader) document(name string, data []byte) layer {
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) { // an empty file
		return nil
	}
	if err == nil {
		var second yaml.Node
		if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
			l.fault("", name, "holds more than one YAML document")
			return nil
		}
	}
	if err != nil {
		// The library's text can quote the file, and with it a secret: keep the line.
		l.fault("", name+yamlLine.FindString(err.Error()), "is not valid YAML")
		return nil
	}
	w := walker{loader: l, name: name, values: layer{}, seen: map[string]int{}, known: map[string]bool{}, sections: map[string]bool{}}
	for _, leaf := range l.tree {
		w.known[leaf.path] = true
		if leaf.secret {
			w.known[leaf.path+"_file"] = true
		}
		for i, c := range leaf.path {
			if c == '.' {
				w.sections[leaf.path[:i]] = true
			}
		}
	}
	if content := root.Content[0]; content.Kind == yaml.MappingNode {
		w.mapping("", content)
	} else if content.Tag != "!!null" {
		l.fault("", w.at(content), "must be a mapping of settings")
	}
	return w.values
}

var yamlLine = regexp.MustCompile(` line \d+`)

// walker collects the leaves of one document.
type walker struct {
	*loader
	name     string
	values   layer
	seen     map[string]int // line by path
	known    map[string]bool
	sections map[string]bool
}

func (w *walker) at(n *yaml.Node) string { return fmt.Sprintf("%s line %d", w.name, n.Line) }

func (w *walker) mapping(prefix string, n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			w.fault(strings.TrimSuffix(prefix, "."), w.at(key), "has a key that is not a word")
			continue
		}
		path := prefix + key.Value
		if line, twice := w.seen[path]; twice {
			w.fault(oneLine(path), w.at(key), "is given twice, first on line %d", line)
			continue
		}
		w.seen[path] = key.Line
		w.entry(path, key, value)
	}
}

func (w *walker) entry(path string, key, value *yaml.Node) {
	// A key with a dot of its own would name a leaf in a second way.
	known := !strings.Contains(key.Value, ".")
	switch {
	case known && w.sections[path]:
		if value.Kind == yaml.MappingNode {
			w.mapping(path+".", value)
		} else if value.Tag != "!!null" { // a section whose settings are all commented out
			w.fault(path, w.at(value), "is a section: its settings stand below it, indented")
		}
	case known && w.known[path]:
		w.leaf(path, value)
	default:
		candidates := slices.Concat(slices.Collect(maps.Keys(w.known)), slices.Collect(maps.Keys(w.sections)))
		slices.Sort(candidates)
		w.fault(oneLine(path), w.at(key), "unknown key%s", didYouMean(path, candidates))
	}
}

func (w *walker) leaf(path string, n *yaml.Node) {
	value := rawValue{Text: n.Value, Origin: w.at(n)}
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" { // a key without a value
			return
		}
	case yaml.SequenceNode:
		value.Sequence = true
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				w.fault(path, w.at(item), "must be a list of plain values")
				return
			}
			value.Items = append(value.Items, item.Value)
		}
	case yaml.AliasNode:
		w.fault(path, w.at(n), "is an alias: write the value itself, in quotes if it begins with an asterisk")
		return
	default:
		w.fault(path, w.at(n), "takes a value, not a section")
		return
	}
	w.values[path] = value
}

// readSecretFile returns the content of a secret's file without the line break at
// its end. Its errors hold neither the content nor the name, which may be the
// secret itself, given by mistake.
func readSecretFile(name string) (string, error) {
	data, err := readBounded(name, maxSecretFile)
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	if err != nil {
		return "", fmt.Errorf("cannot read the secret's file: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", errors.New("the secret's file is empty")
	}
	return text, nil
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names the file, and may read what the service may read
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, nil
}
