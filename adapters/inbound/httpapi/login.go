package httpapi

import (
	"context"
	"net/http"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/core/login"
)

func (a *api) mountLogin(rt *httpkit.Router) {
	rt.Handle(http.MethodPost, "/api/v1/auth/login", httpkit.Handler(rt, anonymous("login.password", a.limits.Login), a.login))
}

type credentials struct {
	Identifier  string        `json:"identifier"`
	Password    domain.Secret `json:"password"`
	DeviceToken domain.Secret `json:"device_token"` // of an earlier login; empty: none
}

type loggedIn struct {
	tokenPair
	DeviceToken string `json:"device_token"`
}

func (a *api) login(ctx context.Context, r *httpkit.Request[credentials]) (httpkit.Response[loggedIn], error) {
	granted, err := a.Logins.WithPassword(ctx, login.Attempt{
		Identifier: r.Body.Identifier, Password: r.Body.Password, Device: r.Body.DeviceToken,
	})
	return httpkit.Response[loggedIn]{Body: loggedIn{newTokenPair(granted.TokenPair), granted.Device.Reveal()}}, err
}
