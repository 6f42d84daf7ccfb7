package httpapi

import (
	"context"
	"net/http"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/account"
	"authserve/core/domain"
)

func (a *api) mountRegistration(rt *httpkit.Router) {
	endpoint := anonymous("account.register", a.limits.Register)
	register := httpkit.Handler(rt, endpoint, a.register)
	if a.cfg.PrivateRegistration {
		register = httpkit.Handler(rt, endpoint, a.registerPrivately)
	}
	rt.Handle(http.MethodPost, "/api/v1/auth/register", register)
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
	created, err := a.createAccount(ctx, r)
	return httpkit.Response[registered]{
		Status: http.StatusCreated, Body: registered{User: newUser(created)}, Location: pathMe,
	}, err
}

// registerPrivately answers the same whether the address had an account or not.
func (a *api) registerPrivately(ctx context.Context, r *httpkit.Request[registration]) (httpkit.Response[httpkit.None], error) {
	_, err := a.createAccount(ctx, r)
	return accepted(), err
}

// accepted is the answer to calls whose outcome only the reader of a mail learns.
func accepted() httpkit.Response[httpkit.None] {
	return httpkit.Response[httpkit.None]{Status: http.StatusAccepted}
}

func (a *api) createAccount(ctx context.Context, r *httpkit.Request[registration]) (domain.Account, error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return domain.Account{}, err
	}
	wanted := account.Registration{
		Email: r.Body.Email, Password: r.Body.Password,
		Username: r.Body.Username, IdempotencyKey: key,
	}
	if r.Body.DisplayName != nil {
		wanted.DisplayName = *r.Body.DisplayName
	}
	return a.Accounts.Register(ctx, wanted)
}
