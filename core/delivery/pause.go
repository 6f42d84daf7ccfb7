package delivery

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"authserve/core/domain"
)

// maxReason is the longest reason kept of a failure, in bytes.
const maxReason = 200

// pause is how long to wait after the last of so many failures of a message:
// exponential, with jitter over its second half.
func (r *Relay) pause(failures int) time.Duration {
	pause := r.cfg.FirstPause
	for i := 1; i < failures && pause < r.cfg.LongestPause; i++ {
		pause *= 2
	}
	pause = min(pause, r.cfg.LongestPause)
	share := float64(binary.BigEndian.Uint32(r.random.Bytes(4))) / (1 << 32) // 0 to 1
	return pause - time.Duration(share*float64(pause/2))
}

// reason is what is kept of a failure. An error that nobody typed may hold
// anything, so only its being there is kept.
func reason(err error, m domain.Message) string {
	var e *domain.Error
	if !errors.As(err, &e) {
		return string(domain.CodeInternal)
	}
	text := e.Error()
	if m.To != "" {
		text = strings.ReplaceAll(text, m.To, "[address]")
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "")
	}
	return text
}
