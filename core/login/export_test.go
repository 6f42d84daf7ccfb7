package login

import (
	"context"
	"strconv"
	"strings"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// OpenDevice returns the account and the device of a token that is good at now.
func OpenDevice(ctx context.Context, sealer ports.Sealer, token string, now time.Time) (account, id domain.ID, err error) {
	d, err := devices{sealer}.open(ctx, domain.NewSecret(token), now)
	return d.account, d.id, err
}

// MakeDevice returns a token of the device that is good from now on.
func MakeDevice(ctx context.Context, sealer ports.Sealer, account, id domain.ID, now time.Time) (string, error) {
	token, err := devices{sealer}.make(ctx, device{account, id}, now)
	return token.Reveal(), err
}

// RespellDevice reads a token and writes what was read, without its MAC.
func RespellDevice(raw string) (spelt string, ok bool) {
	t, ok := parseDevice(raw)
	return strings.Join([]string{deviceVersion, t.keyID, string(t.account), string(t.id), strconv.FormatInt(t.issued.Unix(), 10)}, "."), ok
}
