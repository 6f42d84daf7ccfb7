package httpkit_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestDenialsOfStrangersAreTold(t *testing.T) {
	t.Parallel()
	refusal := func(kind domain.Kind, code domain.Code) error { return domain.NewError(kind, code, "No.") }
	verdicts := map[string]error{
		"good":    nil,
		"forged":  refusal(domain.KindUnauthenticated, domain.CodeInvalidToken),
		"old":     refusal(domain.KindUnauthenticated, domain.CodeTokenExpired),
		"ended":   refusal(domain.KindUnauthenticated, domain.CodeSessionEnded),
		"no-base": refusal(domain.KindUnavailable, domain.CodeDependencyUnavailable),
	}
	forbidden := refusal(domain.KindForbidden, domain.CodeForbidden)
	tests := []struct {
		what   string
		token  string // empty: none; "-": the endpoint is open
		answer error  // of the use case
		want   domain.Code
	}{
		{"a good call", "good", nil, ""},
		{"a call without a token", "", nil, domain.CodeMissingToken},
		{"a malformed header", "a b", nil, domain.CodeInvalidToken},
		{"a forged token", "forged", nil, domain.CodeInvalidToken},
		{"a token of an ended session", "ended", nil, domain.CodeSessionEnded},
		{"an expired token, as every client presents", "old", nil, ""},
		{"a database that is away", "no-base", nil, ""},
		{"what a known caller may not do", "good", forbidden, ""},
		{"what nobody may do", "-", forbidden, domain.CodeForbidden},
		{"a wrong refresh token", "-", refusal(domain.KindUnauthenticated, domain.CodeInvalidRefreshToken), domain.CodeInvalidRefreshToken},
		{"too many attempts", "-", refusal(domain.KindTooMany, domain.CodeTooManyAttempts), domain.CodeTooManyAttempts},
		{"too many calls", "-", refusal(domain.KindTooMany, domain.CodeRateLimited), domain.CodeRateLimited},
		{"a failed login, which has an event of its own", "-", refusal(domain.KindUnauthenticated, domain.CodeInvalidCredentials), ""},
		{"a bad body", "-", refusal(domain.KindInvalid, domain.CodeValidation), ""},
		{"a bug", "-", errors.New("untyped"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			var told []domain.Code
			var actor domain.Actor
			rt, err := httpkit.New(httpkit.Config{Issuer: "http://127.0.0.1:8080", RequestTimeout: time.Minute}, httpkit.Deps{
				Logger: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meters: noop.NewMeterProvider(),
				Clock: fake.NewClock(fake.Epoch()), IDs: &fake.IDs{},
				Denied: func(ctx context.Context, code domain.Code) {
					told, actor = append(told, code), domain.ActorFrom(ctx)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			endpoint := httpkit.Endpoint{Operation: "test.it"}
			if tt.token != "-" {
				endpoint.Authenticate = func(_ context.Context, token string) (domain.Identity, error) {
					return domain.Identity{}, verdicts[token]
				}
			}
			rt.Handle(http.MethodGet, "/it", httpkit.Handler(rt, endpoint,
				func(context.Context, *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
					return httpkit.Response[httpkit.None]{}, tt.answer
				}))
			r := get("/it")
			if tt.token != "-" && tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			serve(t, rt, r)
			if want := slices.DeleteFunc([]domain.Code{tt.want}, func(c domain.Code) bool { return c == "" }); !slices.Equal(told, want) {
				t.Errorf("told of %q, want %q", told, want)
			}
			if tt.want != "" && (actor.Kind != domain.ActorAnonymous || actor.Network != "192.0.2.1") {
				t.Errorf("told of actor %+v, want an anonymous one of 192.0.2.1", actor)
			}
		})
	}
}
