package passhash

import (
	"context"
	"encoding/base64"
	"strings"

	"authserve/adapters/outbound/passhash/scheme"
	"authserve/core/domain"
	"authserve/ports"
)

// origin is what stands before the scheme's text in a record.
type origin struct {
	imported bool   // made by another program, of the password as it was typed
	pepper   string // id of the keyring's key; empty: none
}

const (
	importPrefix = "$import"
	pepperPrefix = "$pepper$"
)

// origin is that of new hashes.
func (e *Engine) origin() origin {
	if !e.pepper {
		return origin{}
	}
	return origin{pepper: e.deps.Sealer.ActiveKey()}
}

// hasPepper reports whether the keyring has the key of o, where o has one.
func (e *Engine) hasPepper(o origin) bool {
	if o.pepper == "" {
		return true
	}
	_, err := e.deps.Sealer.MAC(context.Background(), ports.PurposePepper, o.pepper, nil)
	return err == nil
}

func (o origin) String() string {
	switch {
	case o.imported:
		return importPrefix
	case o.pepper != "":
		return pepperPrefix + o.pepper
	default:
		return ""
	}
}

// cutOrigin splits a record, or the settings of one.
func cutOrigin(text string) (origin, string) {
	if rest, ok := strings.CutPrefix(text, importPrefix); ok {
		return origin{imported: true}, rest
	}
	if rest, ok := strings.CutPrefix(text, pepperPrefix); ok {
		if key, rest, ok := strings.Cut(rest, "$"); ok && key != "" {
			return origin{pepper: key}, "$" + rest
		}
	}
	return origin{}, text
}

// record is one stored password hash.
type record struct {
	origin origin
	hash   scheme.Hash
}

var errUnreadable = domain.NewError(domain.KindInternal, domain.CodeInternal, "A stored password hash cannot be read.")

func parseRecord(text string) (record, error) {
	var r record
	var err error
	r.origin, text = cutOrigin(text)
	if r.hash, err = scheme.Parse(text); err != nil {
		return record{}, errUnreadable.Wrap(err)
	}
	return r, nil
}

// impossible is computed for a password that a record cannot be of: what is refused costs
// what is wrong.
const impossible = "no record is of this password"

// input is what the scheme gets of p for a record of origin o. possible is false
// where no such record can be of p: our own are never of what was not normalised,
// nor, with bcrypt, of more than what bcrypt reads. Errors: KindInternal when the
// pepper's key is not in the keyring.
func (e *Engine) input(ctx context.Context, o origin, s scheme.Settings, p domain.Password) (plain []byte, possible bool, err error) {
	text := p.Reveal()
	if o.imported {
		text = p.RevealRaw()
	}
	if possible = text != ""; !possible {
		text = impossible
	}
	if o.pepper == "" {
		if s.Algorithm() == Bcrypt && !o.imported && len(text) > domain.MaxBcryptBytes {
			possible = false
		}
		return []byte(text), possible, nil
	}
	mac, err := e.deps.Sealer.MAC(ctx, ports.PurposePepper, o.pepper, []byte(text))
	if err != nil {
		return nil, false, errUnreadable.Wrap(err)
	}
	// As text, since bcrypt takes no zero bytes everywhere; 43 are fewer than 72.
	return []byte(base64.RawStdEncoding.EncodeToString(mac)), possible, nil
}
