package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// told is everything that an answer tells, less its ids and how much the caller has left.
func told(a answer) string {
	kept := a.header.Clone()
	for _, own := range []string{"X-Correlation-Id", "Date", "Ratelimit"} {
		kept.Del(own)
	}
	var text strings.Builder
	text.WriteString(http.StatusText(a.status))
	_ = kept.Write(&text) // a strings.Builder takes everything
	body := strings.ReplaceAll(string(a.body), a.header.Get("X-Correlation-Id"), "ID")
	if _, after, found := strings.Cut(body, `"trace_id":"`); found {
		body = strings.ReplaceAll(body, after[:32], "TRACE")
	}
	return text.String() + body
}

// Whether somebody has the identifier shows in no status, header or body, from the
// first failure to the closed door.
func TestRefusedLoginsOfAnybodyAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	statuses := map[int]int{}
	for i := range 150 {
		known := w.call(t, http.MethodPost, pathLogin, `{"identifier":"`+email+`","password":"not the password of this account"}`)
		unknown := w.call(t, http.MethodPost, pathLogin, `{"identifier":"nobody@example.org","password":"not the password of this account"}`)
		if told(known) != told(unknown) {
			t.Fatalf("attempt %d: an account is answered\n%s\nand none\n%s", i+1, told(known), told(unknown))
		}
		statuses[known.status]++
		if known.status == http.StatusTooManyRequests && (known.code() != "too_many_attempts" || known.header.Get("Retry-After") == "") {
			t.Errorf("attempt %d: %s", i+1, told(known))
		}
		w.clock.Advance(16 * time.Minute)
	}
	if statuses[http.StatusUnauthorized] != 100 || statuses[http.StatusTooManyRequests] != 50 {
		t.Errorf("statuses %v; want 100 failures and then refusals", statuses)
	}
}

func TestDeviceTokenOfALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	body := func(device string) string {
		return `{"identifier":"` + email + `","password":"correct horse battery staple","device_token":` + device + `}`
	}
	type granted struct {
		Device string `json:"device_token"`
	}
	device := func(token string) string {
		t.Helper()
		a := w.call(t, http.MethodPost, pathLogin, body(token))
		parts := strings.Split(decode[granted](t, a).Device, ".")
		if a.status != http.StatusOK || len(parts) != 6 {
			t.Fatalf("login: got %d %s", a.status, a.body)
		}
		return parts[3]
	}
	first := decode[granted](t, w.call(t, http.MethodPost, pathLogin, body(`""`))).Device
	if got := device(`"` + first + `"`); got != strings.Split(first, ".")[3] {
		t.Error("a known device was answered another one")
	}
	for _, bad := range []string{`""`, `"x"`, `"` + first + `x"`, `"` + strings.Repeat("A", 5000) + `"`} {
		if got := device(bad); got == strings.Split(first, ".")[3] {
			t.Errorf("%.40s: taken for the known device", bad)
		}
	}
	if got := w.call(t, http.MethodPost, pathLogin, body(`7`)); got.status != http.StatusBadRequest || got.code() != "wrong_type" {
		t.Errorf("a number: got %d %s", got.status, got.body)
	}
}
