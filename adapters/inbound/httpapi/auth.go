package httpapi

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

func (a *api) mountAuth(rt *httpkit.Router) {
	a.mountLogin(rt)
	rt.Handle(http.MethodPost, "/api/v1/auth/refresh", httpkit.Handler(rt, anonymous("session.refresh", a.limits.Token), a.refreshTokens))
	rt.Handle(http.MethodPost, "/api/v1/auth/logout", logoutEither(
		httpkit.Handler(rt, a.authenticated("session.logout"), a.logout),
		httpkit.Handler(rt, anonymous("session.logout_by_refresh", a.limits.Token), a.logoutByRefresh),
	))
}

type refreshToken struct {
	RefreshToken domain.Secret `json:"refresh_token"`
}

var errNoRefreshToken = domain.Invalid(domain.FieldError{Field: "refresh_token", Code: domain.CodeRequired, Message: "A refresh token is required."})

func (a *api) refreshTokens(ctx context.Context, r *httpkit.Request[refreshToken]) (httpkit.Response[tokenPair], error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return httpkit.Response[tokenPair]{}, err
	}
	if r.Body.RefreshToken.IsZero() {
		return httpkit.Response[tokenPair]{}, errNoRefreshToken
	}
	result, err := a.Sessions.Refresh(ctx, r.Body.RefreshToken, key)
	httpkit.Annotate(ctx, string(result.Outcome))
	a.refresh.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", string(result.Outcome))))
	return httpkit.Response[tokenPair]{Body: newTokenPair(result.Pair)}, err
}

// logoutEither takes the refresh token of the body only where no access token is
// presented; with one, a body has no meaning, as on every call without one.
func logoutEither(byAccess, byRefresh http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Authorization"]) == 0 && r.ContentLength != 0 {
			byRefresh.ServeHTTP(w, r)
			return
		}
		byAccess.ServeHTTP(w, r)
	})
}

func (a *api) logout(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
	return httpkit.Response[httpkit.None]{}, a.Sessions.Logout(ctx, r.Identity)
}

var errNoToken = domain.NewError(domain.KindUnauthenticated, domain.CodeMissingToken, "This call needs an access token, or a refresh token in its body.")

func (a *api) logoutByRefresh(ctx context.Context, r *httpkit.Request[refreshToken]) (httpkit.Response[httpkit.None], error) {
	if r.Body.RefreshToken.IsZero() {
		return httpkit.Response[httpkit.None]{}, errNoToken
	}
	return httpkit.Response[httpkit.None]{}, a.Sessions.LogoutByRefresh(ctx, r.Body.RefreshToken)
}

// tokenPair is the only part of an answer in which secrets are shown, beside the device
// token.
type tokenPair struct {
	AccessToken      string    `json:"access_token"`
	TokenType        string    `json:"token_type"`
	ExpiresIn        int64     `json:"expires_in"` // seconds
	RefreshToken     string    `json:"refresh_token"`
	RefreshExpiresIn int64     `json:"refresh_expires_in"` // seconds
	SessionID        domain.ID `json:"session_id"`
}

func newTokenPair(p domain.TokenPair) tokenPair {
	return tokenPair{
		AccessToken: p.Access.Reveal(), TokenType: "Bearer", ExpiresIn: seconds(p.AccessExpiresIn),
		RefreshToken: p.Refresh.Reveal(), RefreshExpiresIn: seconds(p.RefreshExpiresIn),
		SessionID: p.SessionID,
	}
}

// idempotencyKey returns the Idempotency-Key, empty without one. Its form is for
// the use case to judge; an empty field is not the same as none.
func idempotencyKey[In any](r *httpkit.Request[In]) (string, error) {
	key, present := r.Header("Idempotency-Key")
	if present && key == "" {
		return "", domain.CheckIdempotencyKey(key)
	}
	return key, nil
}

// seconds rounds, so that the microseconds between two readings of the clock do
// not take a second off.
func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }
