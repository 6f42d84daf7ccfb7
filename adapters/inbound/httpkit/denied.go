package httpkit

import (
	"context"

	"authserve/core/domain"
)

// tellDenied tells of an error that denies something to a caller without a valid
// identity. What has an audit event of its own, such as a failed login, is not told, nor
// that a token expired: that happens to every client every few minutes.
func (rt *Router) tellDenied(ctx context.Context, err error) {
	if rt.deps.Denied == nil || domain.ActorFrom(ctx).Kind != domain.ActorAnonymous {
		return
	}
	switch code := domain.CodeOf(err); code {
	case domain.CodeMissingToken, domain.CodeInvalidToken, domain.CodeSessionEnded, domain.CodeInvalidRefreshToken,
		domain.CodeForbidden, domain.CodeTooManyAttempts, domain.CodeRateLimited:
		rt.deps.Denied(ctx, code)
	}
}
