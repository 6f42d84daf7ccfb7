package httpapi

import (
	"context"
	"net/http"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

func (a *api) mountOwners(rt *httpkit.Router) {
	remove := httpkit.Handler(rt, a.confirming("account.delete"), a.deleteMe)
	rt.Handle(http.MethodDelete, pathMe, withoutBody(httpkit.Handler(rt, a.confirming("account.delete"), a.deleteNothing), remove))
	rt.Handle(http.MethodPost, pathMe+"/delete", remove)
	rt.Handle(http.MethodGet, pathMe+"/export", httpkit.Handler(rt, a.confirming("account.export"), a.export))
}

// withoutBody tells a DELETE whose body got lost from one that has the wrong body:
// some proxies drop it, for it has no meaning in general (RFC 9110 section 9.3.5).
func withoutBody(without, with http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			without.ServeHTTP(w, r)
			return
		}
		with.ServeHTTP(w, r)
	})
}

type deletion struct {
	Password domain.Secret `json:"password"`
}

func (a *api) deleteMe(ctx context.Context, r *httpkit.Request[deletion]) (httpkit.Response[httpkit.None], error) {
	return httpkit.Response[httpkit.None]{}, a.Owners.Delete(ctx, r.Identity, r.Body.Password)
}

// deleteNothing is deleteMe for calls without a body: the use case says what is missing.
func (a *api) deleteNothing(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
	return httpkit.Response[httpkit.None]{}, a.Owners.Delete(ctx, r.Identity, domain.Secret{})
}
