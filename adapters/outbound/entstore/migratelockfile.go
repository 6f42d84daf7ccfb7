package entstore

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// fileHolder says who has the lock of lockFile; empty: nobody. It takes the lock for
// an instant, for which another caller waits.
func fileHolder(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's configuration
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return "", err
	}
	content, err := os.ReadFile(path) //nolint:gosec // as above
	pid := strings.TrimSpace(string(content))
	if err != nil || pid == "" || strings.Trim(pid, "0123456789") != "" {
		return "another process", nil
	}
	return "the process " + pid, nil
}
