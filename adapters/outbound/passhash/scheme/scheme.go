package scheme

import (
	"errors"
	"strings"
)

// recipe is one scheme with its cost: all that a hash says before salt and digest.
// Recipes are comparable. Salt and key (the digest) are given as in the text; check
// comes before any use of them.
type recipe interface {
	// algorithm is the scheme's name.
	algorithm() string
	// String is the text of the settings.
	String() string
	// bounds tells which bound the cost breaks.
	bounds() error
	// memory is in bytes.
	memory() int64
	// check accepts what verify can take, in its canonical form only.
	check(salt, key string) error
	// verify does the costly work.
	verify(password []byte, salt, key string) (bool, error)
	// invent returns a salt and a key that no password led to.
	invent(random func(n int) []byte) (salt, key string)
}

// Hash is one password hash within the bounds; made by Parse, Import, Settings.Make
// and Settings.Dummy only.
type Hash struct {
	settings  Settings
	salt, key string // as in the text; bcrypt has no border between them: all is key
}

// Settings say how a hash is made and so what verifying it costs. They are comparable;
// made by the functions of this package only.
type Settings struct{ recipe recipe }

// Parse reads a text of Hash.String, and nothing else: numbers and base64 have one form.
func Parse(text string) (Hash, error) {
	if len(text) > maxText {
		return Hash{}, errors.New("a password hash is never that long")
	}
	var h Hash
	rest, key, ok := cutLast(text)
	h.key = key
	if ok && !isBcrypt(text) {
		rest, h.salt, ok = cutLast(rest)
	}
	if !ok {
		return Hash{}, errors.New("a password hash has the form $id$parameters$salt$digest")
	}
	var err error
	if h.settings, err = ParseSettings(rest); err != nil {
		return Hash{}, err
	}
	if err := h.settings.recipe.check(h.salt, h.key); err != nil {
		return Hash{}, err
	}
	return h, nil
}

// String returns the one text that Parse reads as h.
func (h Hash) String() string {
	if isBcrypt(h.settings.String()) {
		return h.settings.String() + "$" + h.key
	}
	return h.settings.String() + "$" + h.salt + "$" + h.key
}

// Settings returns how h was made.
func (h Hash) Settings() Settings { return h.settings }

// Algorithm names the scheme in one of a few fixed words, as a metric's label takes it.
func (h Hash) Algorithm() string { return h.settings.Algorithm() }

// Matches reports whether password has the hash h. It does the costly work in full
// whatever the password is, and its time depends on the settings and, for SHA-crypt, on
// the password's length, of which no more than 128 bytes are taken and none longer
// matches. Bcrypt works on the first 72 bytes; whether a longer password may match is
// the caller's decision.
func (h Hash) Matches(password []byte) (bool, error) {
	return h.settings.recipe.verify(password, h.salt, h.key)
}

// WeakerThan reports that a hash by the settings ours, which new hashes are made by,
// would be better than h: h is of another algorithm, less costly in any respect, or
// shorter.
func (h Hash) WeakerThan(ours Settings) bool {
	switch now := ours.recipe.(type) {
	case argon2Recipe:
		was, same := h.settings.recipe.(argon2Recipe)
		return !same || was.weakerThan(now) || sizeOf(h.salt) < SaltSize || sizeOf(h.key) < newKeySize
	case bcryptRecipe:
		was, same := h.settings.recipe.(bcryptRecipe)
		return !same || was.cost < now.cost
	default:
		return true // nothing new is made that way
	}
}

// ParseSettings reads a text of Settings.String, and nothing else. It is also what
// domain.SettingsOf finds in the text of a hash.
func ParseSettings(text string) (Settings, error) {
	id, parameters, _ := strings.Cut(strings.TrimPrefix(text, "$"), "$")
	r, err := readRecipe(id, parameters)
	if err != nil {
		return Settings{}, err
	}
	if err := r.bounds(); err != nil {
		return Settings{}, err
	}
	if r.String() != text { // reading is lenient, this is not
		return Settings{}, errors.New(r.algorithm() + " parameters are not in canonical form")
	}
	return Settings{recipe: r}, nil
}

func readRecipe(id, parameters string) (recipe, error) {
	switch id {
	case argon2id, argon2i:
		return readArgon2(id, parameters)
	case "2a", "2b", "2y":
		return readBcrypt(id, parameters)
	case bcryptSHA256:
		return readBcryptSHA256(parameters)
	case scryptID:
		return readScrypt(parameters)
	case fbscryptID:
		return readFirebase(parameters)
	case pbkdf2SHA1, pbkdf2SHA256, pbkdf2SHA512:
		return readPBKDF2(id, parameters)
	case shaCrypt256ID, shaCrypt512ID:
		return readSHACrypt(id, parameters)
	case ssha256, ssha512:
		return saltedSHA(id), nil
	default:
		return nil, errors.New("no known scheme of password hashing")
	}
}

// String returns the one text that ParseSettings reads as s.
func (s Settings) String() string { return s.recipe.String() }

// Algorithm names the scheme in one of a few fixed words, as a metric's label takes it.
func (s Settings) Algorithm() string { return s.recipe.algorithm() }

// Memory is what one computation allocates at most, in bytes.
func (s Settings) Memory() int64 { return s.recipe.memory() }

// Make hashes a password, by argon2id or bcrypt. The salt has SaltSize bytes; bcrypt
// ignores it, because its library draws one of its own, and refuses passwords of more
// than 72 bytes.
func (s Settings) Make(password, salt []byte) (Hash, error) {
	switch r := s.recipe.(type) {
	case argon2Recipe:
		if r.id == argon2id {
			return r.make(password, salt)
		}
	case bcryptRecipe:
		return r.make(password)
	}
	return Hash{}, errors.New("new hashes are not made by " + s.Algorithm())
}

// Dummy returns a hash that was drawn instead of computed: that a password matches it
// is as likely as guessing the digest. Verifying it costs what verifying any hash of
// these settings costs. random returns n random bytes.
func (s Settings) Dummy(random func(n int) []byte) Hash {
	h := Hash{settings: s}
	h.salt, h.key = s.recipe.invent(random)
	return h
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '$')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
