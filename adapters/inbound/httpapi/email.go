package httpapi

import (
	"context"
	"net/http"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

func (a *api) mountEmails(rt *httpkit.Router) {
	const path = "/api/v1/auth/email"
	rt.Handle(http.MethodPost, path+"/verify", httpkit.Handler(rt, anonymous("account.verify_email", a.limits.Token), a.verifyEmail))
	rt.Handle(http.MethodPost, path+"/verify/resend", httpkit.Handler(rt, anonymous("account.resend_verification", a.limits.Mail), a.resendVerification))
	rt.Handle(http.MethodPost, path+"/undo", httpkit.Handler(rt, anonymous("account.undo_email", a.limits.Token), a.undoEmail))
	rt.Handle(http.MethodPost, pathMe+"/email", httpkit.Handler(rt, a.confirming("account.change_email"), a.changeEmail))
}

// oneTimeToken is the token of a mail. It is read from the body and from nowhere else:
// paths and query strings stand in the logs of everything on the way.
type oneTimeToken struct {
	Token domain.Secret `json:"token"`
}

func (a *api) verifyEmail(ctx context.Context, r *httpkit.Request[oneTimeToken]) (httpkit.Response[httpkit.None], error) {
	return httpkit.Response[httpkit.None]{}, a.Emails.Verify(ctx, r.Body.Token)
}

func (a *api) undoEmail(ctx context.Context, r *httpkit.Request[oneTimeToken]) (httpkit.Response[httpkit.None], error) {
	return httpkit.Response[httpkit.None]{}, a.Emails.Undo(ctx, r.Body.Token)
}

type emailAddress struct {
	Email string `json:"email"`
}

func (a *api) resendVerification(ctx context.Context, r *httpkit.Request[emailAddress]) (httpkit.Response[httpkit.None], error) {
	return accepted(), a.Emails.Resend(ctx, r.Body.Email)
}

type emailChange struct {
	NewEmail string        `json:"new_email"`
	Password domain.Secret `json:"password"`
}

func (a *api) changeEmail(ctx context.Context, r *httpkit.Request[emailChange]) (httpkit.Response[httpkit.None], error) {
	return accepted(), a.Emails.Change(ctx, r.Identity, r.Body.NewEmail, r.Body.Password)
}
