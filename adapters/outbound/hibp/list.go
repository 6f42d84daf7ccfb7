package hibp

import (
	"bufio"
	"io"
	"strings"
)

const (
	suffixDigits = 35
	// maxBody bounds an answer, in bytes. A range has about 1,300 entries of 40 bytes
	// and at most some hundreds of padding: this is room for twelve times as many.
	maxBody = 1 << 20
	// maxLine is what is read of a line before it is given up, in bytes.
	maxLine = 4 << 10
	// maxCountDigits is enough for a count of all people.
	maxCountDigits = 10
)

// listError says what makes an answer unusable, in fixed words.
type listError string

// Error implements error.
func (e listError) Error() string { return string(e) }

const (
	errEmpty   listError = "the list is empty"
	errTooLong listError = "the list is too long"
	errLine    listError = "a line is no entry"
)

// search reads a whole list and reports whether suffix, in lower case, is in it. Each
// line is 35 hexadecimal digits, a colon and how often the password was seen; 0 marks
// padding. Lines end with CRLF or LF, the last one perhaps with neither; empty ones
// are passed over, since padding is appended to lists that end either way.
//
// All lines are read and compared to the end, wherever the suffix stands, so the time
// tells nothing of it, and a list that is broken behind it is not believed. An empty
// list is none: every range of a real corpus has entries.
func search(r io.Reader, suffix string) (bool, error) {
	limited := &io.LimitedReader{R: r, N: maxBody + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	found, entries := false, 0
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			continue
		}
		same, ok := compare(line, suffix)
		if !ok {
			return false, errLine
		}
		found = found || same
		entries++
	}
	switch err := lines.Err(); {
	case err == bufio.ErrTooLong: //nolint:errorlint // the scanner's own word, not one of r
		return false, errLine
	case err != nil:
		return false, err
	case limited.N == 0:
		return false, errTooLong
	case entries == 0:
		return false, errEmpty
	}
	return found, nil
}

// compare reports whether line is an entry, and whether it is one of suffix that was
// seen.
func compare(line, suffix string) (same, ok bool) {
	digits, count, found := strings.Cut(line, ":")
	if !found || len(digits) != suffixDigits || count == "" || len(count) > maxCountDigits {
		return false, false
	}
	var different byte
	for i := range len(digits) {
		c := digits[i]
		if 'A' <= c && c <= 'F' {
			c += 'a' - 'A'
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false, false
		}
		different |= c ^ suffix[i]
	}
	seen := false
	for i := range len(count) {
		if count[i] < '0' || count[i] > '9' {
			return false, false
		}
		seen = seen || count[i] != '0'
	}
	return different == 0 && seen, true
}
