package httpapi

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
)

func (a *api) mountAuth(rt *httpkit.Router) {
	rt.Handle(http.MethodPost, "/api/v1/auth/register", httpkit.Handler(rt, httpkit.Endpoint{Operation: "account.register"}, a.register))
	rt.Handle(http.MethodPost, "/api/v1/auth/login", httpkit.Handler(rt, httpkit.Endpoint{Operation: "login.password"}, a.login))
	rt.Handle(http.MethodPost, "/api/v1/auth/refresh", httpkit.Handler(rt, httpkit.Endpoint{Operation: "session.refresh"}, a.refreshTokens))
	rt.Handle(http.MethodPost, "/api/v1/auth/logout", logoutEither(
		httpkit.Handler(rt, a.authenticated("session.logout"), a.logout),
		httpkit.Handler(rt, httpkit.Endpoint{Operation: "session.logout_by_refresh"}, a.logoutByRefresh),
	))
}

type registration struct {
	Email       string        `json:"email"`
	Password    domain.Secret `json:"password"`
	Username    *string       `json:"username"`
	DisplayName *string       `json:"display_name"`
}

// registered is wrapped, for other things may join the user one day.
type registered struct {
	User user `json:"user"`
}

func (a *api) register(ctx context.Context, r *httpkit.Request[registration]) (httpkit.Response[registered], error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return httpkit.Response[registered]{}, err
	}
	wanted := account.Registration{
		Email: r.Body.Email, Password: r.Body.Password,
		Username: r.Body.Username, IdempotencyKey: key,
	}
	if r.Body.DisplayName != nil {
		wanted.DisplayName = *r.Body.DisplayName
	}
	created, err := a.Accounts.Register(ctx, wanted)
	return httpkit.Response[registered]{
		Status: http.StatusCreated, Body: registered{User: newUser(created)}, Location: pathMe,
	}, err
}

type credentials struct {
	Identifier string        `json:"identifier"`
	Password   domain.Secret `json:"password"`
}

func (a *api) login(ctx context.Context, r *httpkit.Request[credentials]) (httpkit.Response[tokenPair], error) {
	pair, err := a.Logins.WithPassword(ctx, login.Attempt{Identifier: r.Body.Identifier, Password: r.Body.Password})
	return httpkit.Response[tokenPair]{Body: newTokenPair(pair)}, err
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

// tokenPair is the only answer in which secrets are shown.
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
