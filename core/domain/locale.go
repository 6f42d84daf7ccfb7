package domain

import "golang.org/x/text/language"

// maxLocale is the longest language tag, in bytes; RFC 5646 section 4.4.1 asks for 35.
const maxLocale = 35

// CheckLocale refuses what is not a well-formed language tag (BCP 47), such as "de" or
// "pt-BR", in its canonical form. Empty is none.
func CheckLocale(s string) error {
	if s == "" {
		return nil
	}
	fault := func(code Code, message string) error {
		return Invalid(FieldError{Field: "locale", Code: code, Message: message})
	}
	if len(s) > maxLocale {
		return fault(CodeTooLong, "A language tag has at most 35 characters.")
	}
	tag, err := language.Parse(s)
	switch {
	case err != nil:
		return fault(CodeInvalidFormat, `A language tag looks like "en" or "pt-BR".`)
	case tag.String() != s:
		return fault(CodeInvalidFormat, "The language tag is not in its canonical form, which is "+tag.String()+".")
	}
	return nil
}
