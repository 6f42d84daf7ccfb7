package domain

import "strings"

// SettingsCount is how many stored password hashes have the same settings.
type SettingsCount struct {
	Settings string // as of SettingsOf
	Count    int64
}

// SettingsOf returns what the text of a hash says of how it was made: all of it but
// salt and digest. Hashes of equal settings cost the same to verify.
func SettingsOf(h PasswordHash) string {
	parts := strings.Split(h.Reveal(), "$")
	rest := len(parts) - 2 // salt and digest
	if rest > 0 {
		switch parts[rest-1] {
		case "2a", "2b", "2y": // bcrypt: cost, then salt and digest in one
			rest++
		}
	}
	return strings.Join(parts[:max(rest, 0)], "$")
}
