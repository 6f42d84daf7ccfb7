package passhash

import "context"

// Run gives the queue to the tests, with work of their own.
func Run(ctx context.Context, p *Pool, work func() (bool, error)) (bool, error) {
	return run(ctx, p, work)
}

// ParseAndEncode reads a hash and writes it again.
func ParseAndEncode(encoded string) (string, error) {
	h, err := parse(encoded)
	if err != nil {
		return "", err
	}
	return h.encode(), nil
}
