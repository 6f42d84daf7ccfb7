package domain

import (
	_ "embed" // the list of common passwords
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// commonPasswords is sorted, a folded password of 8 characters or more in each line:
// for every configurable minimum the 3,000 most frequent ones that meet it (OWASP
// ASVS 5.0 6.2.4), or all that the source has. It stays text, so it costs no memory
// until somebody asks, and nothing at the start. bootstrap/gencommon writes it and
// tells the source.
//
//go:embed common.txt
var commonPasswords string

// serviceName is a context word everywhere.
const serviceName = "authserve"

// enoughBeside is how many letters and digits a password must have beside a common
// password or context words: fewer can be tried out.
const enoughBeside = 8

// minContextWord is the shortest context word, in characters. Shorter ones would hit
// by chance.
const minContextWord = 3

// foldPassword returns the form in which passwords and the words they are held
// against are compared: without the difference of letter case, of composition and of
// width.
func foldPassword(s string) string { return cases.Fold().String(norm.NFKC.String(s)) }

// isCommon reports whether the folded password is in the list, or begins with one
// that is and goes on with digits and punctuation only, fewer than enoughBeside
// digits among them: what people append to reach a minimum is the first thing that
// is tried. The comparison is one with the whole password (NIST SP 800-63B-4 section
// 3.1.1.2): a common password inside a passphrase is no fault.
func isCommon(folded string) bool {
	for digits, end := 0, len(folded); ; {
		if inCommonList(folded[:end]) {
			return true
		}
		last, size := utf8.DecodeLastRuneInString(folded[:end])
		if unicode.IsNumber(last) {
			digits++
		}
		if size == 0 || unicode.IsLetter(last) || digits == enoughBeside {
			return false
		}
		end -= size
	}
}

// isMonotonous reports a password of so few different characters that it is typed by
// holding a key or two, such as a row of spaces (NIST SP 800-63B-4 appendix A.3 on
// repetitive ones).
func isMonotonous(folded string) bool {
	const fewest = 5
	different := map[rune]bool{}
	for _, r := range folded {
		different[r] = true
	}
	return len(different) < fewest
}

// inCommonList is a binary search over the bytes of the list.
func inCommonList(folded string) bool {
	for low, high := 0, len(commonPasswords); low < high; { // both at the start of a line
		middle := low + (high-low)/2
		start := low + 1 + strings.LastIndexByte(commonPasswords[low:middle], '\n')
		end := start + strings.IndexByte(commonPasswords[start:], '\n')
		switch strings.Compare(commonPasswords[start:end], folded) {
		case 0:
			return true
		case -1:
			low = end + 1
		default:
			high = start
		}
	}
	return false
}

// isContextual reports whether the folded password is made of context words and
// their decoration (OWASP ASVS 5.0 6.2.11). Only letters and digits count; of those,
// all that belong to a context word of minContextWord characters or more are taken
// away, wherever and however often they stand. The password falls when something was
// taken and what is left has fewer than enoughBeside characters or is a common
// password. So "ada.lovelace2026!!" falls for Ada Lovelace, and a passphrase that
// merely contains "ada" stands.
func isContextual(folded string, context []string) bool {
	password := compact(folded)
	taken := make([]bool, len(password)) // by byte; words begin and end with a character
	hit := false
	for _, word := range contextWords(context) {
		for at, done := 0, 0; ; {
			next := strings.Index(password[at:], word)
			if next < 0 {
				break
			}
			hit = true
			at += next
			for done = max(done, at); done < at+len(word); done++ {
				taken[done] = true
			}
			at++
		}
	}
	if !hit {
		return false
	}
	var left strings.Builder
	for i, r := range password {
		if !taken[i] {
			left.WriteRune(r)
		}
	}
	return utf8.RuneCountInString(left.String()) < enoughBeside || isCommon(left.String())
}

// contextWords returns the words that stand in context, folded and compact: each
// text as a whole, what stands before and after the @ of an address, and every run
// of letters and digits.
func contextWords(context []string) []string {
	var words []string
	add := func(s string) {
		if w := compact(s); utf8.RuneCountInString(w) >= minContextWord {
			words = append(words, w)
		}
	}
	for _, text := range context {
		text = foldPassword(text)
		add(text)
		for part := range strings.SplitSeq(text, "@") {
			add(part)
		}
		for word := range strings.FieldsFuncSeq(text, isDecoration) {
			add(word)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// compact leaves the letters and digits of s.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if isDecoration(r) {
			return -1
		}
		return r
	}, s)
}

// isDecoration reports whether r is neither a letter, with what may be set on one,
// nor a digit.
func isDecoration(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }
