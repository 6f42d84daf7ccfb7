package passhash

import "context"

// Run gives the queue to the tests, with work of their own.
func Run(ctx context.Context, p *Pool, work func() (bool, error)) (bool, error) {
	return RunKind(ctx, p, 12, work)
}

// RunKind is Run with work of the kind of bcrypt of the cost.
func RunKind(ctx context.Context, p *Pool, cost int, work func() (bool, error)) (bool, error) {
	return run(ctx, p, kind{bcrypt: cost}, work)
}

// Kinds tells of how many kinds of work p keeps an estimate.
func Kinds(p *Pool) int { return len(p.loads) }

// Matches does the work of a verification in the caller's goroutine.
func Matches(encoded, password string) (bool, error) {
	h, err := parse(encoded)
	if err != nil {
		return false, err
	}
	return h.matches(password)
}

// ParseAndEncode reads a hash and writes it again.
func ParseAndEncode(encoded string) (string, error) {
	h, err := parse(encoded)
	if err != nil {
		return "", err
	}
	return h.encode(), nil
}
