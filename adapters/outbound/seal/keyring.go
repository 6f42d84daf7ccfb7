package seal

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	formatVersion = 1
	headerSize    = 1 + keyIDLength
	prefixSize    = headerSize + chacha20poly1305.NonceSizeX
)

var errCorrupt = domain.NewError(domain.KindMalformed, "sealed_corrupt", "The sealed bytes are not what was sealed.")

// Keyring implements ports.Sealer over master keys held in memory.
type Keyring struct {
	random ports.Random
	active *ringKey
	keys   map[string]*ringKey
}

var _ ports.Sealer = (*Keyring)(nil)

// New makes a keyring of master keys: the first is active, the others only open
// and verify. Each is base64 (RFC 4648 section 4 or 5, padded or not) of 32 to
// 512 bytes. The error names every key at fault by its place, never its value:
// keys that are too short, visibly not random, published, or given twice.
func New(random ports.Random, keys ...domain.Secret) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("keyring: no master key")
	}
	ring := &Keyring{random: random, keys: make(map[string]*ringKey, len(keys))}
	var faults []error
	for i, secret := range keys {
		key, err := newRingKey(secret)
		if err == nil && ring.keys[key.id] != nil {
			err = errors.New("is in the ring twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("keyring: master key %d of %d %w", i+1, len(keys), err))
			continue
		}
		ring.keys[key.id] = key
		if i == 0 {
			ring.active = key
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return ring, nil
}

// ActiveKey implements ports.Sealer.
func (r *Keyring) ActiveKey() string { return r.active.id }

// Seal implements ports.Sealer.
func (r *Keyring) Seal(ctx context.Context, purpose ports.Purpose, plaintext, associated []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	aead, err := r.active.aead(purpose)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, prefixSize+len(plaintext)+aead.Overhead())
	sealed = append(sealed, formatVersion)
	sealed = append(sealed, r.active.id...)
	sealed = append(sealed, r.random.Bytes(chacha20poly1305.NonceSizeX)...)
	return aead.Seal(sealed, sealed[headerSize:], plaintext, authenticated(sealed[:headerSize], purpose, associated)), nil
}

// Open implements ports.Sealer.
func (r *Keyring) Open(ctx context.Context, purpose ports.Purpose, sealed, associated []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(sealed) < prefixSize+chacha20poly1305.Overhead || sealed[0] != formatVersion {
		return nil, errCorrupt
	}
	key, ok := r.keys[string(sealed[1:headerSize])]
	if !ok {
		return nil, ports.ErrNotFound
	}
	aead, err := key.aead(purpose)
	if err != nil {
		return nil, err
	}
	aad := authenticated(sealed[:headerSize], purpose, associated)
	plaintext, err := aead.Open(nil, sealed[headerSize:prefixSize], sealed[prefixSize:], aad)
	if err != nil {
		return nil, errCorrupt.Wrap(err)
	}
	return plaintext, nil
}

// MAC implements ports.Sealer.
func (r *Keyring) MAC(ctx context.Context, purpose ports.Purpose, keyID string, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, ok := r.keys[keyID]
	if !ok {
		return nil, ports.ErrNotFound
	}
	return key.mac(purpose, data)
}

// authenticated is what a seal binds beside the plaintext. No purpose holds a
// NUL, so the parts cannot be shifted against each other.
func authenticated(header []byte, purpose ports.Purpose, associated []byte) []byte {
	aad := make([]byte, 0, len(header)+len(purpose)+1+len(associated))
	aad = append(aad, header...)
	aad = append(aad, purpose...)
	aad = append(aad, 0)
	return append(aad, associated...)
}
