package httpkit

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"authserve/core/domain"
)

// Authenticator says who presents an access token.
type Authenticator func(ctx context.Context, token string) (domain.Identity, error)

// Endpoint says how one operation of an API treats requests before its use case
// sees them.
type Endpoint struct {
	Operation    string        // names the span of the use case
	Authenticate Authenticator // nil: open to everybody
	Query        []string      // the query parameters it knows; others are refused
	CacheControl string        // of good answers; empty: no-store
	Limit        Limit         // how often it may be called
}

// None is the body of requests that have none and of answers that have none. A
// body sent to such an endpoint is not read: it has no meaning there (RFC 9110
// section 9.3.1), and some clients always send one.
type None struct{}

// Request is a request as its use case needs it.
type Request[In any] struct {
	Body     In
	Identity domain.Identity // where the endpoint authenticates
	http     *http.Request
	query    url.Values
}

// PathValue returns the variable of the path template, percent-encoded as it was
// sent.
func (r *Request[In]) PathValue(name string) string { return mux.Vars(r.http)[name] }

// Header returns a header field, several lines of it joined as RFC 9110 section
// 5.3 says; present tells an empty field from a missing one.
func (r *Request[In]) Header(name string) (value string, present bool) {
	values := r.http.Header.Values(name)
	return strings.Join(values, ", "), len(values) > 0
}

// IfMatch returns the entity tags of If-Match; whatever is true without that field, and
// where it says * (RFC 9110 section 13.1.1). Our tags hold no comma, and the
// comparison is strong: a weak tag is none of ours.
func (r *Request[In]) IfMatch() (tags []string, whatever bool) {
	field, present := r.Header("If-Match")
	for tag := range strings.SplitSeq(field, ",") {
		tags = append(tags, strings.TrimSpace(tag))
	}
	return tags, !present || slices.Contains(tags, "*")
}

// Flag reads a query parameter that is true or false; absent means false.
func (r *Request[In]) Flag(name string) (bool, error) { return parseFlag(r.query, name) }

// PageRequest reads the query parameters `limit` and `cursor` of a list.
func (r *Request[In]) PageRequest(ctx context.Context, c Cursors, list string) (domain.PageRequest, error) {
	limit, err := parseLimit(r.query)
	if err != nil || !r.query.Has("cursor") {
		return domain.PageRequest{Limit: limit}, err
	}
	after, err := c.decode(ctx, list, r.query.Get("cursor"))
	return domain.PageRequest{Limit: limit, After: after}, err
}

// Response is the good answer of a use case.
type Response[Out any] struct {
	Status   int // zero: 200, or 204 without a body
	Body     Out
	Location string
	ETag     string // strong, with its quotes; GET answers 304 by it
	SaveAs   string // file name; not empty: for keeping rather than showing
}

// Handler makes the handler of an endpoint. In order: it authenticates, counts the call
// against its limit, checks the query string, decodes the body, calls handle with the
// actor in the context, and encodes what it returns. Out must be a type that always
// encodes.
func Handler[In, Out any](rt *Router, e Endpoint, handle func(context.Context, *Request[In]) (Response[Out], error)) http.Handler {
	_, bodyless := any(*new(In)).(None)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := rt.tracer.Start(r.Context(), e.Operation)
		defer span.End()
		req := &Request[In]{http: r}
		ctx, err := prepare(ctx, rt, w, e, req)
		if err == nil && !bodyless {
			err = decodeBody(w, r, rt.json, &req.Body)
		}
		var res Response[Out]
		if err == nil {
			res, err = handle(ctx, req)
		}
		if err == nil {
			err = writeResponse(w, r, e, res)
		}
		if err != nil {
			rt.tellDenied(ctx, err)
			WriteError(ctx, w, err)
			markSpan(ctx, span)
		}
	})
}

// prepare authenticates, puts the actor into the context, counts the call, and checks
// the query string.
func prepare[In any](ctx context.Context, rt *Router, w http.ResponseWriter, e Endpoint, req *Request[In]) (context.Context, error) {
	x := exchangeFrom(ctx)
	actor := domain.Actor{
		Kind: domain.ActorAnonymous, IP: x.client.ip, Network: x.client.network,
		UserAgent: userAgent(req.http.UserAgent()), CorrelationID: x.correlationID,
	}
	if e.Authenticate != nil {
		token, err := bearerToken(req.http.Header)
		if err != nil {
			return domain.WithActor(ctx, actor), err
		}
		if req.Identity, err = e.Authenticate(ctx, token); err != nil {
			return domain.WithActor(ctx, actor), err
		}
		actor.Kind, actor.ID, actor.SessionID = domain.ActorAccount, string(req.Identity.Account.ID), req.Identity.Session.ID
	}
	ctx = domain.WithActor(ctx, actor)
	if err := rt.take(ctx, w.Header(), e.Limit); err != nil {
		return ctx, err
	}
	var err error
	req.query, err = parseQuery(req.http.URL.RawQuery, e.Query)
	return ctx, err
}

// markSpan tells the span of the use case what was answered.
func markSpan(ctx context.Context, span trace.Span) {
	if !span.IsRecording() {
		return
	}
	x := exchangeFrom(ctx)
	span.SetAttributes(attribute.String("error.type", string(x.code)))
	if x.cause != nil {
		span.SetStatus(codes.Error, string(x.code))
	}
}

func writeResponse[Out any](w http.ResponseWriter, r *http.Request, e Endpoint, res Response[Out]) error {
	h := w.Header()
	var body []byte
	status := res.Status
	if _, bodyless := any(res.Body).(None); bodyless {
		status = or(status, http.StatusNoContent)
	} else {
		var err error
		if body, err = json.Marshal(res.Body, jsontext.AllowInvalidUTF8(true)); err != nil {
			return err
		}
		body = append(body, '\n') // for people with curl
		status = or(status, http.StatusOK)
	}
	if e.CacheControl != "" {
		h.Set("Cache-Control", e.CacheControl)
	}
	if res.Location != "" {
		h.Set("Location", res.Location)
	}
	if res.SaveAs != "" {
		h.Set("Content-Disposition", `attachment; filename="`+res.SaveAs+`"`)
	}
	if res.ETag != "" {
		h.Set("ETag", res.ETag)
		if isSafe(r.Method) && matchesETag(r.Header.Values("If-None-Match"), res.ETag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if body != nil {
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left cannot be told
	return nil
}

func or(status, otherwise int) int {
	if status == 0 {
		return otherwise
	}
	return status
}

func isSafe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// matchesETag evaluates If-None-Match (RFC 9110 section 13.1.2): the comparison
// is weak, and * matches whatever exists. Our tags hold no comma.
func matchesETag(lines []string, etag string) bool {
	for _, line := range lines {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
				return true
			}
		}
	}
	return false
}
