package letters

import (
	"errors"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/text/language"

	"authserve/core/domain"
	"authserve/ports"
)

// Config says whose letters they are.
type Config struct {
	Base    string // what links begin with: a URL that ends after host or path, without a slash
	Product string // what the service calls itself
	Locale  string // BCP 47: of letters to those without a locale, or whose language has no templates
	Folder  string // of templates that replace or join those of the program; empty: none
}

// Writer implements ports.Letters. Safe for concurrent use.
type Writer struct {
	base, product string
	sets          []set // that of Config.Locale first
	matcher       language.Matcher
}

var _ ports.Letters = (*Writer)(nil)

// New reads and tries all templates. Errors: every fault of the templates and of cfg, a
// line each.
func New(cfg Config) (*Writer, error) {
	var faults []error
	if u, err := url.Parse(cfg.Base); err != nil || u.Host == "" || strings.ContainsAny(cfg.Base, "?#") || strings.HasSuffix(cfg.Base, "/") {
		faults = append(faults, errors.New("the base of links is a URL that ends after host or path, without a slash"))
	}
	if err := CheckProduct(cfg.Product); err != nil {
		faults = append(faults, err)
		cfg.Product = "x" // or no template would have a good subject
	}
	sets, err := load(cfg.Folder)
	if err != nil {
		faults = append(faults, err)
	}
	if err := defaultFirst(sets, cfg.Locale); err != nil {
		faults = append(faults, err)
	}
	w := &Writer{base: cfg.Base, product: cfg.Product, sets: sets}
	tags := make([]language.Tag, len(sets))
	for i, s := range sets {
		tags[i] = s.tag
		faults = append(faults, w.try(s)...)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	w.matcher = language.NewMatcher(tags)
	return w, nil
}

// CheckProduct accepts names of a service that can stand in a subject.
func CheckProduct(name string) error {
	if name == "" || len(name) > 64 || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return errors.New("the name of the service is one line of 1 to 64 bytes, without spaces around it")
	}
	return nil
}

// defaultFirst puts the set of the locale before the others. Errors: there is none.
func defaultFirst(sets []set, locale string) error {
	for i, s := range sets {
		if s.tag.String() == locale {
			sets[0], sets[i] = sets[i], sets[0]
			return nil
		}
	}
	return errors.New("there are no templates for the default language " + locale)
}

// Languages are those that there are templates for, the default one first.
func (w *Writer) Languages() []string {
	names := make([]string, len(w.sets))
	for i, s := range w.sets {
		names[i] = s.tag.String()
	}
	return names
}

// Compose implements ports.Letters. Errors: KindInvalid for an unknown kind, and for a
// token too many or too few; KindInternal for a template that fails with these facts and
// did not with the samples.
func (w *Writer) Compose(m domain.Message, secret domain.Secret) (domain.Letter, error) {
	s := w.sets[w.choose(m.Locale)]
	template, known := s.letters[m.Kind]
	if !known {
		return domain.Letter{}, invalid("There are no words for messages of this kind.")
	}
	if purpose, linked := m.Kind.Purpose(); linked == secret.IsZero() {
		return domain.Letter{}, invalid("Messages with a link have a token (" + string(purpose) + "), others have none.")
	}
	facts := s.facts(m)
	facts.Product, facts.Link = w.product, w.link(m.Kind, secret)
	letter, err := template.write(facts)
	if err != nil {
		return domain.Letter{}, errTemplate.Wrap(err)
	}
	letter.ID, letter.Kind, letter.To, letter.CreatedAt = m.ID, m.Kind, m.To, m.CreatedAt
	return letter, nil
}

var errTemplate = domain.NewError(domain.KindInternal, "template_fault", "A template for mail has a fault.")

func invalid(message string) error {
	return domain.Invalid(domain.FieldError{Field: "kind", Code: domain.CodeInvalidFormat, Message: message})
}

// maxLocale is the longest language tag that is looked at, in bytes.
const maxLocale = 64

// choose returns the number of the set whose language is nearest to the locale.
func (w *Writer) choose(locale string) int {
	if len(locale) > maxLocale {
		return 0
	}
	tag, err := language.Parse(locale)
	if err != nil {
		return 0
	}
	_, i, _ := w.matcher.Match(tag)
	return i
}

// link leads to the page that spends the token. The fragment stays in the browser.
func (w *Writer) link(kind domain.MessageKind, secret domain.Secret) string {
	purpose, linked := kind.Purpose()
	if !linked {
		return ""
	}
	page := ""
	switch purpose {
	case domain.TokenVerifyEmail, domain.TokenChangeEmail:
		page = "verify-email"
	case domain.TokenUndoEmail:
		page = "undo-email"
	case domain.TokenResetPassword:
		page = "reset-password"
	}
	return w.base + "/links/" + page + "#token=" + url.QueryEscape(secret.Reveal())
}
