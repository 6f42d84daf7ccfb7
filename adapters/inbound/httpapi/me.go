package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

const pathMe = "/api/v1/users/me"

func (a *api) mountMe(rt *httpkit.Router) {
	rt.Handle(http.MethodGet, pathMe, httpkit.Handler(rt, a.authenticated("account.profile"), a.me))
}

// user is an account as its owner sees it.
type user struct {
	ID            domain.ID     `json:"id"`
	Email         string        `json:"email"`
	EmailVerified bool          `json:"email_verified"`
	Username      *string       `json:"username"`
	DisplayName   string        `json:"display_name"`
	Roles         []domain.Role `json:"roles"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`
}

func newUser(a domain.Account) user {
	u := user{
		ID: a.ID, Email: a.Email.Address, EmailVerified: a.EmailVerified(), DisplayName: a.DisplayName,
		Roles: a.Roles, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
	if !a.Username.IsZero() {
		u.Username = &a.Username.Name
	}
	return u
}

// me answers with the caller's account as it was read to authenticate the call.
func (a *api) me(_ context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[user], error) {
	account := r.Identity.Account
	return httpkit.Response[user]{Body: newUser(account), ETag: profileTag(account)}, nil
}

// profileTag changes with every change of the profile, and not with logins.
func profileTag(a domain.Account) string {
	return `"` + strconv.FormatInt(a.Version.Profile, 10) + `"`
}
