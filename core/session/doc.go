// Package session is the life of a session: granted by a login, carried on by
// refresh tokens, ended by its owner, by its limits, or by detected theft.
//
// Refresh tokens. A token is version.kid.session.counter.mac. Nothing of it is
// stored: the row holds a random nonce and the number of the current token, and
// the mac comes from a key of the keyring, so the database alone cannot make one.
// The mac has two halves: a seal over the whole token, which refuses forgeries
// before any database read, and a proof over the nonce, which the row confirms.
//
//	present token n ── seal wrong ─────────────────────────▶ 401, nothing read
//	   │ proof wrong, session ended or expired ────────────▶ 401
//	   │ n = current ─────────────── spend: current+1 ─────▶ new pair
//	   │ n = current-1, in grace ─── same successor again ─▶ same refresh token
//	   │ n > current ─────────────── restored backup ──────▶ move on, audited
//	   └ otherwise ───────────────── a copy was kept ──────▶ session ends, 401
//
// The state change is one conditional write, so of many parallel callers one
// rotates and the others retry. See domain.Session.JudgeRefresh.
package session
