package login

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	deviceVersion  = "ad1"
	maxDeviceBytes = 256
	// deviceTTL is how long a device is known after its last login: what browsers keep a
	// cookie for at most (RFC 6265bis section 5.5).
	deviceTTL = 400 * 24 * time.Hour
)

// device is one on which somebody logged in to an account before. The zero device is
// known to nobody.
type device struct{ account, id domain.ID }

// devices makes and opens device tokens. One tells that an account knows a device, and
// nothing else: it logs nobody in. Nothing is kept of it here, so it cannot be revoked,
// and it outlives a change of the password.
type devices struct{ sealer ports.Sealer }

// make returns a token of the device that is good from now on.
func (d devices) make(ctx context.Context, known device, now time.Time) (domain.Secret, error) {
	keyID := d.sealer.ActiveKey()
	head := strings.Join([]string{deviceVersion, keyID, string(known.account), string(known.id), strconv.FormatInt(now.Unix(), 10)}, ".")
	mac, err := d.sealer.MAC(ctx, ports.PurposeDevice, keyID, []byte(head))
	if err != nil {
		return domain.Secret{}, err
	}
	return domain.NewSecret(head + "." + base64.RawURLEncoding.EncodeToString(mac)), nil
}

// open returns the device of a token, and the zero device for whatever is none of ours
// or too old: that is no error. It reads no database.
func (d devices) open(ctx context.Context, secret domain.Secret, now time.Time) (device, error) {
	token, ok := parseDevice(secret.Reveal())
	if !ok || now.Sub(token.issued) > deviceTTL {
		return device{}, nil
	}
	want, err := d.sealer.MAC(ctx, ports.PurposeDevice, token.keyID, []byte(token.head))
	switch {
	case domain.KindOf(err) == domain.KindNotFound: // a key that is not, or no longer, in the ring
		return device{}, nil
	case err != nil:
		return device{}, err
	case subtle.ConstantTimeCompare(want, token.mac) != 1:
		return device{}, nil
	}
	return token.device, nil
}

// deviceToken is a token of good form, whose MAC nobody has checked.
type deviceToken struct {
	device
	keyID  string
	issued time.Time
	head   string // what the MAC is over
	mac    []byte
}

// parseDevice reads the one spelling that a token has:
// version.key.account.device.issued.mac.
func parseDevice(raw string) (token deviceToken, ok bool) {
	parts := strings.Split(raw[:min(len(raw), maxDeviceBytes)], ".")
	if len(raw) > maxDeviceBytes || len(parts) != 6 || parts[0] != deviceVersion {
		return deviceToken{}, false
	}
	account, err := domain.ParseID(parts[2])
	if err != nil {
		return deviceToken{}, false
	}
	id, err := domain.ParseID(parts[3])
	if err != nil {
		return deviceToken{}, false
	}
	issued, err := strconv.ParseInt(parts[4], 10, 64)
	if err != nil || issued < 0 || strconv.FormatInt(issued, 10) != parts[4] {
		return deviceToken{}, false
	}
	mac, err := base64.RawURLEncoding.DecodeString(parts[5])
	// The decoder overlooks line breaks and stray bits.
	if err != nil || base64.RawURLEncoding.EncodeToString(mac) != parts[5] {
		return deviceToken{}, false
	}
	return deviceToken{
		device: device{account: account, id: id},
		keyID:  parts[1], issued: time.Unix(issued, 0), head: raw[:strings.LastIndexByte(raw, '.')], mac: mac,
	}, true
}

// tellOfDevice writes the owner a notice of a login from an unknown device, inside the
// transaction of the login and before its session. None is due for the first login of
// an account, or where the program and the address are those of a recent session.
func (s *Service) tellOfDevice(ctx context.Context, tx ports.Tx, f found, now time.Time) error {
	if f.device != "" || f.account.LastLoginAt.IsZero() {
		return nil
	}
	actor := domain.ActorFrom(ctx)
	if seen, err := tx.Sessions().SeenFrom(ctx, f.account.ID, actor.UserAgent, actor.IP); seen || err != nil {
		return err
	}
	return s.sessions.Notify(ctx, tx, domain.NewMessage(s.ids.New(), domain.MessageNewDevice, f.account, map[string]string{
		domain.DataAt: now.Format(time.RFC3339), domain.DataDevice: actor.UserAgent, domain.DataAddress: actor.IP,
	}, now))
}
