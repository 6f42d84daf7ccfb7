package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/account"
	"authserve/core/domain"
)

const pathMe = "/api/v1/users/me"

func (a *api) mountMe(rt *httpkit.Router) {
	rt.Handle(http.MethodGet, pathMe, httpkit.Handler(rt, a.authenticated("account.profile"), a.me))
	rt.Handle(http.MethodPatch, pathMe, httpkit.Handler(rt, a.authenticated("account.update_profile"), a.updateMe))
}

// user is an account as its owner sees it.
type user struct {
	ID            domain.ID     `json:"id"`
	Email         string        `json:"email"`
	EmailVerified bool          `json:"email_verified"`
	Username      *string       `json:"username"`
	DisplayName   string        `json:"display_name"`
	Locale        *string       `json:"locale"`
	Roles         []domain.Role `json:"roles"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`
}

func newUser(a domain.Account) user {
	u := user{
		ID: a.ID, Email: a.Email.Address, EmailVerified: a.EmailVerified(), DisplayName: a.DisplayName, Locale: optional(a.Locale),
		Roles: a.Roles, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
	if !a.Username.IsZero() {
		u.Username = &a.Username.Name
	}
	return u
}

// me answers with the caller's account as it was read to authenticate the call.
func (a *api) me(_ context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[user], error) {
	return profileOf(r.Identity.Account), nil
}

func profileOf(a domain.Account) httpkit.Response[user] {
	return httpkit.Response[user]{Body: newUser(a), ETag: profileTag(a)}
}

// profileChange has a member for everything that owners may change themselves.
type profileChange struct {
	Username    httpkit.Nullable[string] `json:"username"`
	DisplayName httpkit.Nullable[string] `json:"display_name"`
	Locale      httpkit.Nullable[string] `json:"locale"`
}

func (a *api) updateMe(ctx context.Context, r *httpkit.Request[profileChange]) (httpkit.Response[user], error) {
	var empty []domain.FieldError
	if name := r.Body.Username.Value; name != nil && *name == "" {
		empty = append(empty, domain.FieldError{Field: "username", Code: domain.CodeRequired, Message: "A username is not empty; null takes it away."})
	}
	if locale := r.Body.Locale.Value; locale != nil && *locale == "" {
		empty = append(empty, domain.FieldError{Field: "locale", Code: domain.CodeRequired, Message: "A language tag is not empty; null takes it away."})
	}
	if empty != nil {
		return httpkit.Response[user]{}, domain.Invalid(empty...)
	}
	wanted := account.ProfileChange{
		Username: orNone(r.Body.Username), DisplayName: orNone(r.Body.DisplayName), Locale: orNone(r.Body.Locale),
	}
	if tags, whatever := r.IfMatch(); !whatever {
		wanted.Versions = profileVersions(tags)
	}
	changed, err := a.Accounts.UpdateProfile(ctx, r.Identity, wanted)
	return profileOf(changed), err
}

// orNone turns what is null into none, and what is missing into no change.
func orNone(member httpkit.Nullable[string]) *string {
	if member.Present && member.Value == nil {
		return new(string)
	}
	return member.Value
}

// profileTag changes with every change of the profile, and not with logins.
func profileTag(a domain.Account) string {
	return `"` + strconv.FormatInt(a.Version.Profile, 10) + `"`
}

// profileVersions are the versions that the tags stand for. What is no tag of a
// profile stands for none.
func profileVersions(tags []string) []int64 {
	versions := []int64{}
	for _, tag := range tags {
		version, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
		if err == nil && tag == `"`+strconv.FormatInt(version, 10)+`"` {
			versions = append(versions, version)
		}
	}
	return versions
}
