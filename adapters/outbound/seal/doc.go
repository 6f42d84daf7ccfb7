// Package seal is the keyring: authenticated encryption for secrets at rest, MACs
// for what clients must not forge, and the files that master keys come from.
//
// From every master key one key per purpose and use is derived by HKDF-SHA-256
// (RFC 5869), once, in New. Sealed bytes are
//
//	version (1) | key id (8) | nonce (24) | XChaCha20-Poly1305 ciphertext and tag
//
// with everything before the nonce, the purpose and the caller's associated data
// authenticated beside the plaintext. The key id in front is how a ring of
// several keys finds the right one, so keys rotate by putting a new one first and
// keeping the old ones for as long as anything is sealed under them.
package seal
