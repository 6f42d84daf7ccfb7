package letters

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"regexp"
	"strings"
	texttemplate "text/template"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"authserve/core/domain"
)

// set is all templates of one language.
type set struct {
	tag     language.Tag
	base    string // of the tag, such as "de" of "de-AT"
	letters map[domain.MessageKind]letterTemplate
}

// letterTemplate is one letter in one language.
type letterTemplate struct {
	name string // for faults: language and kind
	text *texttemplate.Template
	html *htmltemplate.Template
}

// Names of the templates inside a set, beside the files'.
const (
	bodyTemplate    = "body"
	subjectTemplate = "subject"
	subjectMark     = "Subject: "
)

// maxSubject is the longest subject, in characters.
const maxSubject = 150

// write renders all three parts.
func (t letterTemplate) write(f Facts) (domain.Letter, error) {
	l, err := t.writeText(f)
	if err != nil {
		return domain.Letter{}, err
	}
	f.Subject = l.Subject
	l.HTML, err = t.writeHTML(f)
	return l, err
}

func (t letterTemplate) writeText(f Facts) (domain.Letter, error) {
	var subject, text bytes.Buffer
	if err := t.text.ExecuteTemplate(&subject, subjectTemplate, f); err != nil {
		return domain.Letter{}, t.fault("txt", err)
	}
	f.Subject = strings.TrimSpace(subject.String())
	if f.Subject == "" || utf8.RuneCountInString(f.Subject) > maxSubject || strings.ContainsFunc(f.Subject, unicode.IsControl) {
		return domain.Letter{}, t.fault("txt", fmt.Errorf("the subject is one line of 1 to %d characters", maxSubject))
	}
	if err := t.text.Execute(&text, f); err != nil {
		return domain.Letter{}, t.fault("txt", err)
	}
	return domain.Letter{Subject: f.Subject, Text: tidy(text.String())}, nil
}

func (t letterTemplate) writeHTML(f Facts) (string, error) {
	var html bytes.Buffer
	if err := t.html.Execute(&html, f); err != nil {
		return "", t.fault("html", err)
	}
	return html.String(), nil
}

func (t letterTemplate) fault(ext string, err error) error {
	return fmt.Errorf("%s.%s: %w", t.name, ext, err)
}

// tidy leaves at most one empty line in a row: facts that are not known leave gaps.
func tidy(text string) string {
	return strings.TrimSpace(regexp.MustCompile(`\n{3,}`).ReplaceAllString(text, "\n\n")) + "\n"
}

// parse makes a letter of its two files and the two around them.
func parse(name string, layoutText, text, layoutHTML, html string) (letterTemplate, error) {
	t := letterTemplate{name: name}
	var errText, errHTML error
	subject, rest, found := strings.Cut(text, "\n")
	subject = strings.TrimSuffix(subject, "\r")
	if !found || !strings.HasPrefix(subject, subjectMark) {
		errText = errors.New(`the first line must begin with "` + subjectMark + `"`)
	} else if t.text, errText = texttemplate.New("layout.txt").Parse(layoutText); errText == nil {
		_, errText = t.text.New(subjectTemplate).Parse(strings.TrimPrefix(subject, subjectMark))
	}
	if errText == nil { // the comment stands for the first line, so that faults name the right one
		_, errText = t.text.New(bodyTemplate).Parse("{{/* subject */ -}}\n" + rest)
	}
	if errText != nil {
		t.text, errText = nil, t.fault("txt", errText)
	}
	if t.html, errHTML = htmltemplate.New("layout.html").Parse(layoutHTML); errHTML == nil {
		_, errHTML = t.html.New(bodyTemplate).Parse(html)
	}
	if errHTML != nil {
		t.html, errHTML = nil, t.fault("html", errHTML)
	}
	return t, errors.Join(errText, errHTML)
}

// try renders every letter of a set with all facts and with few, and looks for the link.
// What could not be parsed is reported already.
func (w *Writer) try(s set) []error {
	var faults []error
	for _, kind := range domain.MessageKinds() {
		t := s.letters[kind]
		few := Facts{Product: w.product, At: "at", Valid: "valid", Link: w.link(kind, domain.NewSecret("token-of-the-sample"))}
		all := few
		all.Subject, all.Began, all.Device, all.Address = "subject", "began", "device", "address"
		if t.text != nil {
			letter, err := t.writeText(few)
			if err == nil {
				letter, err = t.writeText(all)
			}
			if err == nil && !strings.Contains(letter.Text, all.Link) {
				err = t.fault("txt", errNoLink)
			}
			faults = append(faults, err)
		}
		if t.html != nil {
			html, err := t.writeHTML(few)
			if err == nil {
				html, err = t.writeHTML(all)
			}
			// The path has nothing that HTML escapes; the base may.
			if err == nil && !strings.Contains(html, strings.TrimPrefix(all.Link, w.base)) {
				err = t.fault("html", errNoLink)
			}
			faults = append(faults, err)
		}
	}
	return faults
}

var errNoLink = errors.New("the letter does not show its link: {{.Link}} is missing")

// readAll reads a file that is no larger than templates are.
func readAll(r io.Reader) (string, error) {
	const most = 64 << 10
	content, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return "", err
	case len(content) > most:
		return "", fmt.Errorf("is larger than %d KiB", most>>10)
	case !utf8.Valid(content):
		return "", errors.New("is not in UTF-8")
	default:
		return string(content), nil
	}
}
