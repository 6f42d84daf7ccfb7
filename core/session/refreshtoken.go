package session

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	tokenVersion  = "as1"
	halfMAC       = 16 // bytes: 128 bits each for seal and proof
	maxTokenBytes = 256
	maxCounter    = 1 << 53
)

// errInvalidRefresh is the one answer to every refresh token that is not good.
var errInvalidRefresh = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidRefreshToken, "The refresh token is not valid.")

// refreshToken is a token whose seal was found genuine.
type refreshToken struct {
	keyID   string
	session domain.ID
	counter int64
	proof   []byte
}

// tokens makes and opens refresh tokens.
type tokens struct{ sealer ports.Sealer }

// make derives the refresh token number counter of the session: always the same
// for the same nonce, key and counter.
func (t tokens) make(ctx context.Context, s domain.Session) (domain.Secret, error) {
	proof, err := t.proof(ctx, s.Refresh.KeyID, s.ID, s.Refresh.Counter, s.Refresh.Nonce)
	if err != nil {
		return domain.Secret{}, err
	}
	head := strings.Join([]string{tokenVersion, s.Refresh.KeyID, string(s.ID), strconv.FormatInt(s.Refresh.Counter, 10)}, ".")
	seal, err := t.seal(ctx, s.Refresh.KeyID, head, proof)
	if err != nil {
		return domain.Secret{}, err
	}
	return domain.NewSecret(head + "." + base64.RawURLEncoding.EncodeToString(append(proof, seal...))), nil
}

// open parses a token and checks its seal. It reads no database. Errors:
// errInvalidRefresh for anything that is not a token of ours.
func (t tokens) open(ctx context.Context, secret domain.Secret) (refreshToken, error) {
	raw := secret.Reveal()
	if len(raw) > maxTokenBytes {
		return refreshToken{}, errInvalidRefresh
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 5 || parts[0] != tokenVersion {
		return refreshToken{}, errInvalidRefresh
	}
	id, err := domain.ParseID(parts[2])
	if err != nil {
		return refreshToken{}, errInvalidRefresh
	}
	counter, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil || counter < 0 || counter > maxCounter || strconv.FormatInt(counter, 10) != parts[3] {
		return refreshToken{}, errInvalidRefresh
	}
	mac, err := base64.RawURLEncoding.DecodeString(parts[4])
	// The decoder overlooks line breaks and stray bits; one token has one spelling.
	if err != nil || len(mac) != 2*halfMAC || base64.RawURLEncoding.EncodeToString(mac) != parts[4] {
		return refreshToken{}, errInvalidRefresh
	}
	proof, seal := mac[:halfMAC], mac[halfMAC:]
	want, err := t.seal(ctx, parts[1], raw[:strings.LastIndexByte(raw, '.')], proof)
	switch {
	case domain.KindOf(err) == domain.KindNotFound: // a key that is not, or no longer, in the ring
		return refreshToken{}, errInvalidRefresh
	case err != nil:
		return refreshToken{}, err
	case subtle.ConstantTimeCompare(want, seal) != 1:
		return refreshToken{}, errInvalidRefresh
	}
	return refreshToken{keyID: parts[1], session: id, counter: counter, proof: proof}, nil
}

// confirms reports whether the token was made from this session's present nonce.
func (t tokens) confirms(ctx context.Context, s domain.Session, token refreshToken) (bool, error) {
	want, err := t.proof(ctx, token.keyID, s.ID, token.counter, s.Refresh.Nonce)
	return err == nil && subtle.ConstantTimeCompare(want, token.proof) == 1, err
}

func (t tokens) proof(ctx context.Context, keyID string, id domain.ID, counter int64, nonce []byte) ([]byte, error) {
	data := make([]byte, 0, 128)
	data = append(data, "proof\x00"...)
	data = append(data, id...)
	data = binary.BigEndian.AppendUint64(data, uint64(counter)) //nolint:gosec // counters are never negative
	data = append(data, nonce...)
	return t.half(ctx, keyID, data)
}

func (t tokens) seal(ctx context.Context, keyID, head string, proof []byte) ([]byte, error) {
	data := make([]byte, 0, 192)
	data = append(data, "seal\x00"...)
	data = append(data, head...)
	data = append(data, '.')
	data = append(data, proof...)
	return t.half(ctx, keyID, data)
}

func (t tokens) half(ctx context.Context, keyID string, data []byte) ([]byte, error) {
	mac, err := t.sealer.MAC(ctx, ports.PurposeRefresh, keyID, data)
	if err != nil {
		return nil, err
	}
	return mac[:halfMAC:halfMAC], nil
}
