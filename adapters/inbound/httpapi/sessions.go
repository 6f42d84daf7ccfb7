package httpapi

import (
	"context"
	"net/http"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

// listSessions binds cursors to this list.
const listSessions = "users/me/sessions"

func (a *api) mountSessions(rt *httpkit.Router) {
	const path = pathMe + "/sessions"
	rt.Handle(http.MethodGet, path, httpkit.Handler(rt, a.authenticated("session.list", "limit", "cursor"), a.sessions))
	rt.Handle(http.MethodDelete, path, httpkit.Handler(rt, a.authenticated("session.end_all", "include_current"), a.endSessions))
	rt.Handle(http.MethodDelete, path+"/{id}", httpkit.Handler(rt, a.authenticated("session.end"), a.endSession))
}

// sessionInfo is a session as its owner sees it.
type sessionInfo struct {
	ID         domain.ID `json:"id"`
	Device     string    `json:"device"`
	UserAgent  string    `json:"user_agent"`
	IP         string    `json:"ip"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Current    bool      `json:"current"`
}

func newSessionInfo(s domain.Session, current domain.ID) sessionInfo {
	return sessionInfo{
		ID: s.ID, Device: deviceName(s.UserAgent), UserAgent: s.UserAgent, IP: s.IP,
		CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt,
		Current: s.ID == current,
	}
}

func (a *api) sessions(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.Page[sessionInfo]], error) {
	var res httpkit.Response[httpkit.Page[sessionInfo]]
	wanted, err := r.PageRequest(ctx, a.cursors, listSessions)
	if err != nil {
		return res, err
	}
	page, err := a.Sessions.List(ctx, r.Identity, wanted)
	if err != nil {
		return res, err
	}
	res.Body, err = httpkit.NewPage(ctx, a.cursors, listSessions, page, func(s domain.Session) sessionInfo {
		return newSessionInfo(s, r.Identity.Session.ID)
	})
	return res, err
}

func (a *api) endSession(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
	id, err := domain.ParseID(r.PathValue("id"))
	if err != nil {
		return httpkit.Response[httpkit.None]{}, err
	}
	return httpkit.Response[httpkit.None]{}, a.Sessions.End(ctx, r.Identity, id)
}

func (a *api) endSessions(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
	includeCurrent, err := r.Flag("include_current")
	if err != nil {
		return httpkit.Response[httpkit.None]{}, err
	}
	_, err = a.Sessions.EndAll(ctx, r.Identity, includeCurrent)
	return httpkit.Response[httpkit.None]{}, err
}
