package ops

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"authserve/ports"
)

// The words of readiness.
const (
	statusOK          = "ok"
	statusUnavailable = "unavailable"
)

// retryAfter is when asking again may bring another answer.
const retryAfter = 5 * time.Second

// Ready makes the handler of /healthz on the main port: 200 when every probe is
// in order, otherwise 503 with Retry-After, and no detail, since anybody may ask.
func Ready(probes []ports.Probe) http.Handler {
	checks := newReadiness(probes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, ready := checks.ask(r.Context())
		w.Header().Set("Cache-Control", "no-store")
		code, status := verdict(w, ready)
		writeJSON(w, code, "application/json", readyBody{Status: status})
	})
}

type readyBody struct {
	Status string      `json:"status"`
	Checks []checkBody `json:"checks,omitempty"`
}

type checkBody struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// readyz tells each probe's finding on a line of its own, or as JSON.
func readyz(checks readiness) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		findings, ready := checks.ask(r.Context())
		code, status := verdict(w, ready)
		if strings.Contains(r.Header.Get("Accept"), "application/json") {
			body := readyBody{Status: status}
			for _, f := range findings {
				c := checkBody{Name: f.name, Status: statusOK}
				if f.err != nil {
					c.Status, c.Error = statusUnavailable, f.err.Error()
				}
				body.Checks = append(body.Checks, c)
			}
			writeJSON(w, code, "application/json", body)
			return
		}
		var lines strings.Builder
		for _, f := range findings {
			lines.WriteString(f.name + ": ")
			if f.err == nil {
				lines.WriteString(statusOK + "\n")
				continue
			}
			quoted := strconv.Quote(f.err.Error()) // one line, whatever the error holds
			lines.WriteString(statusUnavailable + ": " + quoted[1:len(quoted)-1] + "\n")
		}
		text(w, code, lines.String()+status+"\n")
	}
}

func verdict(w http.ResponseWriter, ready bool) (code int, status string) {
	if ready {
		return http.StatusOK, statusOK
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	return http.StatusServiceUnavailable, statusUnavailable
}
