package redisbus

import (
	"authserve/core/domain"
	"authserve/ports"
)

// MaxMessage is the length of the longest message.
const MaxMessage = maxMessage

// Encode writes a message.
func Encode(sender domain.ID, c ports.Changes) string { return encode(sender, c) }

// Decode reads a message.
func Decode(m string) (domain.ID, ports.Changes, bool) { return decode(m) }
