package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"authserve/core/domain"
)

// leaf is one setting: everything that the loader, the printer, the flags and the
// documents need to know of it.
type leaf struct {
	path   string
	form   string // how a value is written
	def    string // the default, as one would write it
	defDoc string // the default in words, where it depends on something
	legal  string // legal values, with their unit
	doc    string
	secret bool
	list   bool

	// set parses a value into its field. Its errors do not repeat the value.
	set func(c *Config, r rawValue) error
	// bounds checks what depends on the environment; nil: nothing does.
	bounds func(c *Config) error
	// get returns a string, an int, a bool or a []string for printing.
	get func(c *Config) any
}

// env is the environment variable of the leaf.
func (l leaf) env() string {
	return "AUTHSERVE_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(l.path))
}

// flag is the command-line flag of the leaf, without its hyphens.
func (l leaf) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(l.path) }

// span is an inclusive range.
type span[T int | time.Duration] struct{ low, high T }

const (
	boolForm   = "true or false"
	choiceForm = "one of"
)

func textLeaf(path, def, legal, doc string, at func(*Config) *string, check func(string) error) leaf {
	return leaf{
		path: path, form: "text", def: def, legal: legal, doc: doc,
		set: func(c *Config, r rawValue) error {
			switch {
			case r.Text == "" && def != "":
				return errors.New("must not be empty")
			case r.Text != "" && check != nil:
				if err := check(r.Text); err != nil {
					return err
				}
			}
			if strings.ContainsFunc(r.Text, func(ch rune) bool { return ch < ' ' || ch == 0x7f }) {
				return errors.New("must not hold control characters")
			}
			*at(c) = r.Text
			return nil
		},
		get: func(c *Config) any { return *at(c) },
	}
}

func secretLeaf(path, legal, doc string, at func(*Config) *domain.Secret, check func(string) error) leaf {
	return leaf{
		path: path, form: "text", legal: legal, doc: doc, secret: true,
		set: func(c *Config, r rawValue) error {
			if r.Text != "" && check != nil {
				if err := check(r.Text); err != nil {
					return err
				}
			}
			*at(c) = domain.NewSecret(r.Text)
			return nil
		},
		get: func(c *Config) any {
			if at(c).IsZero() {
				return ""
			}
			return at(c).String()
		},
	}
}

func choiceLeaf[T ~string](path string, def T, doc string, at func(*Config) *T, options ...T) leaf {
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = string(o)
	}
	legal := strings.Join(words, ", ")
	return leaf{
		path: path, form: choiceForm, def: string(def), legal: legal, doc: doc,
		set: func(c *Config, r rawValue) error {
			if !slices.Contains(options, T(r.Text)) {
				return errors.New("must be one of " + legal)
			}
			*at(c) = T(r.Text)
			return nil
		},
		get: func(c *Config) any { return string(*at(c)) },
	}
}

func boolLeaf(path string, def bool, doc string, at func(*Config) *bool) leaf {
	return leaf{
		path: path, form: boolForm, def: strconv.FormatBool(def), legal: "true, false", doc: doc,
		set: func(c *Config, r rawValue) error {
			if r.Text != "true" && r.Text != "false" {
				return errors.New("must be true or false")
			}
			*at(c) = r.Text == "true"
			return nil
		},
		get: func(c *Config) any { return *at(c) },
	}
}

func intLeaf(path string, def int, legal span[int], unit, doc string, at func(*Config) *int) leaf {
	return leaf{
		path: path, form: "whole number", def: strconv.Itoa(def), doc: doc,
		legal: strings.TrimSpace(fmt.Sprintf("%d to %d %s", legal.low, legal.high, unit)),
		set: func(c *Config, r rawValue) error {
			n, err := strconv.Atoi(r.Text)
			if err != nil {
				return errors.New("must be a whole number")
			}
			if n < legal.low || n > legal.high {
				return fmt.Errorf("must be from %d to %d", legal.low, legal.high)
			}
			*at(c) = n
			return nil
		},
		get: func(c *Config) any { return *at(c) },
	}
}

// durationLeaf is a duration. Any positive value is legal in development, where
// tests shorten everything; production keeps to the range. A range from zero
// makes zero legal everywhere.
func durationLeaf(path string, def time.Duration, legal span[time.Duration], doc string, at func(*Config) *time.Duration) leaf {
	return leaf{
		path: path, form: "duration", def: formatDuration(def), doc: doc,
		legal: fmt.Sprintf("%s to %s", formatDuration(legal.low), formatDuration(legal.high)),
		set: func(c *Config, r rawValue) error {
			d, err := time.ParseDuration(r.Text)
			switch {
			case err != nil:
				return errors.New("must be a duration such as 30s, 10m or 336h")
			case d < 0 || d == 0 && legal.low > 0:
				return errors.New("must be a positive duration")
			}
			*at(c) = d
			return nil
		},
		bounds: func(c *Config) error {
			if d := *at(c); c.Env == Production && (d < legal.low || d > legal.high) {
				return fmt.Errorf("must be from %s to %s in production", formatDuration(legal.low), formatDuration(legal.high))
			}
			return nil
		},
		get: func(c *Config) any { return formatDuration(*at(c)) },
	}
}

// offDurationLeaf is a duration whose zero switches the thing off.
func offDurationLeaf(path string, def time.Duration, legal span[time.Duration], doc string, at func(*Config) *time.Duration) leaf {
	l := durationLeaf(path, def, span[time.Duration]{0, legal.high}, doc, at)
	l.legal = fmt.Sprintf("%s to %s; 0 is off", formatDuration(legal.low), formatDuration(legal.high))
	l.bounds = func(c *Config) error {
		if d := *at(c); c.Env == Production && d != 0 && (d < legal.low || d > legal.high) {
			return fmt.Errorf("must be from %s to %s, or 0 for off, in production", formatDuration(legal.low), formatDuration(legal.high))
		}
		return nil
	}
	return l
}

func listLeaf(path, legal, doc string, at func(*Config) *[]string, check func(string) error) leaf {
	return leaf{
		path: path, form: "list", legal: legal, doc: doc, list: true,
		set: func(c *Config, r rawValue) error {
			items := r.items()
			for _, item := range items {
				if err := check(item); err != nil {
					return err
				}
			}
			*at(c) = items
			return nil
		},
		get: func(c *Config) any { return *at(c) },
	}
}

func prefixesLeaf(path, legal, doc string, at func(*Config) *[]netip.Prefix) leaf {
	return leaf{
		path: path, form: "list", legal: legal, doc: doc, list: true,
		set: func(c *Config, r rawValue) error {
			var prefixes []netip.Prefix
			for _, item := range r.items() {
				p, err := netip.ParsePrefix(item)
				switch {
				case err != nil:
					return errors.New("must hold CIDR prefixes, such as 10.0.0.0/8; a single address ends in /32 or /128")
				case p != p.Masked():
					return fmt.Errorf("has bits beyond the prefix length: write %s", p.Masked())
				}
				prefixes = append(prefixes, p)
			}
			*at(c) = prefixes
			return nil
		},
		get: func(c *Config) any {
			words := []string{}
			for _, p := range *at(c) {
				words = append(words, p.String())
			}
			return words
		},
	}
}

// formatDuration writes d as an operator would: 336h rather than 336h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if d == 0 {
		return "0"
	}
	return s
}
