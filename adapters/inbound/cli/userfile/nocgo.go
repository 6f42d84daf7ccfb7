//go:build !cgo

package userfile

// Without cgo there is no SQLite. This does not compile, so that the compiler says why
// beside all that it does not find in the driver.
const _ int = "authserve needs a C compiler (CGO_ENABLED=1)"
