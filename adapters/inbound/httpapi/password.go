package httpapi

import (
	"context"
	"net/http"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

func (a *api) mountPasswords(rt *httpkit.Router) {
	const path = "/api/v1/auth/password"
	rt.Handle(http.MethodPost, path+"/forgot", httpkit.Handler(rt, anonymous("account.forgot_password", a.limits.Mail), a.forgotPassword))
	rt.Handle(http.MethodPost, path+"/reset", httpkit.Handler(rt, anonymous("account.reset_password", a.limits.Token), a.resetPassword))
	rt.Handle(http.MethodPost, pathMe+"/password", httpkit.Handler(rt, a.confirming("account.change_password"), a.changePassword))
}

type passwordChange struct {
	Current domain.Secret `json:"current_password"`
	New     domain.Secret `json:"new_password"`
}

func (a *api) changePassword(ctx context.Context, r *httpkit.Request[passwordChange]) (httpkit.Response[tokenPair], error) {
	pair, err := a.Passwords.Change(ctx, r.Identity, r.Body.Current, r.Body.New)
	return httpkit.Response[tokenPair]{Body: newTokenPair(pair)}, err
}

func (a *api) forgotPassword(ctx context.Context, r *httpkit.Request[emailAddress]) (httpkit.Response[httpkit.None], error) {
	return accepted(), a.Passwords.Forgot(ctx, r.Body.Email)
}

type passwordReset struct {
	Token domain.Secret `json:"token"`
	New   domain.Secret `json:"new_password"`
}

func (a *api) resetPassword(ctx context.Context, r *httpkit.Request[passwordReset]) (httpkit.Response[httpkit.None], error) {
	return httpkit.Response[httpkit.None]{}, a.Passwords.Reset(ctx, r.Body.Token, r.Body.New)
}
