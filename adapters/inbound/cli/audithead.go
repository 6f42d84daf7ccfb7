package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"

	"authserve/core/domain"
)

const (
	maxHeadFile = 4096 // bytes; a head has a few hundred
	macSize     = 32
	maxKeyID    = 64
)

var errNoHead = errors.New(`this is no head of the audit log, as "authserve audit head --json" writes it`)

// ParseAuditHead reads what `authserve audit head --json` wrote. It checks the form; the
// proof says whether it is true.
func ParseAuditHead(text []byte) (domain.AuditHead, error) {
	if len(text) > maxHeadFile {
		return domain.AuditHead{}, errNoHead
	}
	var h headJSON
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&h); err != nil {
		return domain.AuditHead{}, errNoHead
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return domain.AuditHead{}, errNoHead
	}
	mac, err1 := hex.DecodeString(h.MAC)
	proof, err2 := hex.DecodeString(h.Proof)
	switch {
	case err1 != nil, err2 != nil, len(mac) != macSize, len(proof) != macSize,
		h.Seq < 1, h.KeyID == "", len(h.KeyID) > maxKeyID, !h.At.Equal(domain.Instant(h.At)):
		return domain.AuditHead{}, errNoHead
	}
	return domain.AuditHead{Seq: h.Seq, MAC: mac, KeyID: h.KeyID, At: domain.Instant(h.At), Proof: proof}, nil
}
