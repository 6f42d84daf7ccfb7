package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// LoadInput is where a configuration is taken from.
type LoadInput struct {
	Environ []string          // as os.Environ returns it
	File    string            // as given by --config; empty: AUTHSERVE_CONFIG_FILE, or none
	Flags   map[string]string // by name without hyphens, as given; lists joined by commas
}

// Source tells where a value came from.
type Source struct {
	Origin     string // "default", a file with its line, a variable or a flag
	SecretFile string // the file a secret was read from; empty: none
}

// String renders the source for a fault or a comment.
func (s Source) String() string {
	if s.SecretFile != "" {
		return s.Origin + ", read from " + oneLine(s.SecretFile)
	}
	return s.Origin
}

const (
	envPrefix   = "AUTHSERVE_"
	envFile     = "AUTHSERVE_CONFIG_FILE"
	fromDefault = "default"
)

// rawValue is a value as somebody wrote it.
type rawValue struct {
	Text     string
	Items    []string // of a YAML sequence
	Sequence bool
	File     string // of a secret that is to be read from it
	Origin   string
}

// items splits a list: a YAML sequence as it is, a text at its commas.
func (r rawValue) items() []string {
	if r.Sequence {
		return r.Items
	}
	var items []string
	for item := range strings.SplitSeq(r.Text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// layer is what one source says: values by path, where a path may also be that of
// a secret with the suffix _file.
type layer map[string]rawValue

// Load reads the configuration: defaults, then the file, the environment and the
// flags, each above the one before. Warnings are about what is legal and probably
// not meant. The error is a Faults with everything that is wrong; the Config that
// is returned beside it has the defaults where a value is at fault.
func Load(in LoadInput) (cfg Config, warnings []string, err error) {
	l := loader{tree: configTree()}
	merged := koanf.New(".")
	var given []rawValue // koanf copies what it merges by reflection; an index is cheap to copy
	for _, one := range []layer{l.defaults(), l.file(in), l.environment(in.Environ), l.flags(in.Flags)} {
		values := make(map[string]any, len(one))
		for path, value := range l.resolveSecretFiles(one) {
			values[path] = len(given)
			given = append(given, value)
		}
		if err := merged.Load(confmap.Provider(values, "."), nil); err != nil {
			return Config{}, nil, fmt.Errorf("merge the configuration: %w", err)
		}
	}

	cfg.sources = make(map[string]Source, len(l.tree))
	faulty := map[string]bool{}
	for _, leaf := range l.tree {
		value := given[merged.Int(leaf.path)]
		cfg.sources[leaf.path] = Source{Origin: value.Origin}
		if !l.assign(&cfg, leaf, value) {
			faulty[leaf.path] = true
		}
	}
	if cfg.Log.Format == "" {
		cfg.Log.Format = map[Environment]string{Development: "console", Production: "json"}[cfg.Env]
	}
	cfg.file = l.configFile
	rules := checkConfig(&cfg, l.tree, faulty)
	cfg.faults = slices.Concat(l.faults, rules.faults)
	cfg.warnings = slices.Concat(l.warnings, rules.warnings)
	return cfg, cfg.warnings, cfg.faults.Err()
}

// loader collects what is wrong while the layers are read.
type loader struct {
	configFile string // empty: none
	tree       []leaf
	faults     Faults
	warnings   []string
}

func (l *loader) fault(path, origin, format string, args ...any) {
	l.faults = append(l.faults, Fault{Path: path, Message: fmt.Sprintf(format, args...), Source: origin})
}

func (l *loader) defaults() layer {
	values := layer{}
	for _, leaf := range l.tree {
		values[leaf.path] = rawValue{Text: leaf.def, Origin: fromDefault}
	}
	return values
}

// environment takes the variables of known leaves. An empty variable counts as
// not set, because that is what `${NAME:-}` in a compose file gives. Unknown names
// only warn: orchestrators put names of their own beside ours.
func (l *loader) environment(environ []string) layer {
	known := map[string]string{}
	for _, leaf := range l.tree {
		known[leaf.env()] = leaf.path
		if leaf.secret {
			known[leaf.env()+"_FILE"] = leaf.path + "_file"
		}
	}
	values := layer{}
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || name == envFile {
			continue
		}
		path, ok := known[name]
		switch {
		case !ok:
			l.warnings = append(l.warnings, fmt.Sprintf("%s is not a setting and has no effect%s",
				oneLine(name), didYouMean(name, slices.Sorted(maps.Keys(known)))))
		case text != "":
			values[path] = rawValue{Text: text, Origin: "environment " + name}
		}
	}
	return values
}

// flags takes the flags that were given. Secrets have none but the one for their
// file: a command line is for everyone on the machine to read.
func (l *loader) flags(given map[string]string) layer {
	known := map[string]string{}
	for _, leaf := range l.tree {
		if leaf.secret {
			known[leaf.flag()+"-file"] = leaf.path + "_file"
		} else {
			known[leaf.flag()] = leaf.path
		}
	}
	values := layer{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		origin := "flag --" + name
		if path, ok := known[name]; ok {
			values[path] = rawValue{Text: given[name], Origin: origin}
		} else {
			l.fault("", origin, "unknown flag%s", didYouMean(name, slices.Sorted(maps.Keys(known))))
		}
	}
	return values
}

// resolveSecretFiles turns each path_file of a layer into the path of its secret,
// to be read once it is certain that no higher layer overrides it.
func (l *loader) resolveSecretFiles(values layer) layer {
	for _, leaf := range l.tree {
		from, given := values[leaf.path+"_file"]
		if !leaf.secret || !given {
			continue
		}
		delete(values, leaf.path+"_file")
		if direct, both := values[leaf.path]; both {
			l.fault(leaf.path, direct.Origin+" and "+from.Origin, "is given both as a value and as a file")
			continue
		}
		values[leaf.path] = rawValue{File: from.Text, Origin: from.Origin}
	}
	return values
}

// assign gives one leaf its value and reports whether it could.
func (l *loader) assign(cfg *Config, leaf leaf, value rawValue) bool {
	if value.File != "" {
		text, err := readSecretFile(value.File)
		if err != nil {
			l.fault(leaf.path, value.Origin, "%v", err)
			return false
		}
		value.Text = text
		// Named only now: what cannot be read may be the secret itself, given by mistake.
		cfg.sources[leaf.path] = Source{Origin: value.Origin, SecretFile: value.File}
	}
	source := cfg.sources[leaf.path]
	err := errNotScalar
	if leaf.list || !value.Sequence {
		err = leaf.set(cfg, value)
	}
	if err == nil {
		return true
	}
	if leaf.secret {
		l.fault(leaf.path, source.String(), "%v", err)
	} else {
		l.fault(leaf.path, source.String(), "%v, got %s", err, value.shown())
	}
	// Checks that look at several leaves go on with the default.
	_ = leaf.set(cfg, rawValue{Text: leaf.def})
	return false
}

// shown renders the value for a fault, shortened.
func (r rawValue) shown() string {
	text := r.Text
	if r.Sequence {
		text = strings.Join(r.Items, ", ")
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// oneLine is a name from outside as it may stand in one line of text.
func oneLine(s string) string {
	if quoted := fmt.Sprintf("%q", s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
