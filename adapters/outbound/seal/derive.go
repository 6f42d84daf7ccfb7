package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	keyIDLength = 8 // characters: 48 bits
	keyIDBytes  = 6
	labelPrefix = "authserve/v1/" // of every HKDF info string
)

// ringKey is one master key as what was derived from it; the master key itself is
// not kept.
type ringKey struct {
	id      string
	derived map[ports.Purpose]*derivedKeys
}

// derivedKeys are the keys of one purpose: one to seal and one to authenticate.
type derivedKeys struct {
	aead cipher.AEAD
	macs sync.Pool // of hash.Hash, keyed: keying costs more than a short message
}

func newRingKey(secret domain.Secret) (*ringKey, error) {
	master, err := decodeKey(secret)
	if err != nil {
		return nil, err
	}
	id, err := hkdf.Key(sha256.New, master, nil, labelPrefix+"id", keyIDBytes)
	if err != nil {
		return nil, fmt.Errorf("derive the key id: %w", err)
	}
	key := &ringKey{id: base64.RawURLEncoding.EncodeToString(id), derived: map[ports.Purpose]*derivedKeys{}}
	for _, p := range ports.Purposes() {
		if key.derived[p], err = derive(master, p); err != nil {
			return nil, fmt.Errorf("derive the keys for %q: %w", p, err)
		}
	}
	return key, nil
}

func derive(master []byte, purpose ports.Purpose) (*derivedKeys, error) {
	sealing, err := hkdf.Key(sha256.New, master, nil, labelPrefix+"aead/"+string(purpose), chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(sealing)
	if err != nil {
		return nil, err
	}
	authenticating, err := hkdf.Key(sha256.New, master, nil, labelPrefix+"mac/"+string(purpose), sha256.Size)
	if err != nil {
		return nil, err
	}
	return &derivedKeys{
		aead: aead,
		macs: sync.Pool{New: func() any { return hmac.New(sha256.New, authenticating) }},
	}, nil
}

func (k *ringKey) aead(purpose ports.Purpose) (cipher.AEAD, error) {
	d, ok := k.derived[purpose]
	if !ok {
		return nil, unknownPurpose(purpose)
	}
	return d.aead, nil
}

func (k *ringKey) mac(purpose ports.Purpose, data []byte) ([]byte, error) {
	d, ok := k.derived[purpose]
	if !ok {
		return nil, unknownPurpose(purpose)
	}
	h, _ := d.macs.Get().(hash.Hash) // the pool holds nothing else
	defer d.macs.Put(h)
	h.Reset()
	h.Write(data)
	return h.Sum(make([]byte, 0, sha256.Size)), nil
}

// unknownPurpose is a bug of the caller: purposes are constants of ports.
func unknownPurpose(purpose ports.Purpose) error {
	return fmt.Errorf("keyring: no keys for the purpose %q", purpose)
}
