package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

type sessionList struct {
	Items []struct {
		ID, Device, IP string
		UserAgent      string `json:"user_agent"`
		Current        bool
	}
	NextCursor *string `json:"next_cursor"`
}

func TestProfileIsConditional(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	first := w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access))
	tag := first.header.Get("ETag")
	w.clock.Advance(time.Second)
	other := w.login(t) // a login changes nothing that the profile shows
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(other.Access), header("If-None-Match", tag)); got.status != 304 || len(got.body) != 0 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", header("If-None-Match", tag)); got.status != 401 {
		t.Errorf("without a token: got %d", got.status)
	}
	head := w.call(t, http.MethodHead, pathMe, "", bearer(pair.Access))
	if head.status != 200 || head.header.Get("ETag") != tag {
		t.Errorf("HEAD: got %d %v", head.status, head.header)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	var last tokens
	for range 3 {
		w.clock.Advance(time.Second)
		last = w.login(t, header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"))
	}
	var seen []string
	path := pathSessions + "?limit=2"
	for {
		a := w.call(t, http.MethodGet, path, "", bearer(last.Access))
		page := decode[sessionList](t, a)
		if a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		for _, s := range page.Items {
			seen = append(seen, s.ID)
			if s.Device != "Firefox on Linux" || s.IP != "192.0.2.1" || s.Current != (s.ID == last.SessionID) || !strings.HasPrefix(s.UserAgent, "Mozilla") {
				t.Errorf("got %+v", s)
			}
		}
		if page.NextCursor == nil {
			break
		}
		path = pathSessions + "?limit=2&cursor=" + *page.NextCursor
	}
	if len(seen) != 3 || seen[0] != last.SessionID {
		t.Errorf("saw %q, newest %s", seen, last.SessionID)
	}
}

func TestSessionListRefusesBadQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	for query, code := range map[string]string{
		"limit=0": "validation_failed", "limit=201": "validation_failed", "cursor=AAAA": "invalid_cursor",
		"page=2": "unknown_parameter", "limit=1&limit=2": "malformed_query", "limit=%zz": "malformed_query",
	} {
		if got := w.call(t, http.MethodGet, pathSessions+"?"+query, "", bearer(pair.Access)); got.code() != code {
			t.Errorf("%s: got %d %s", query, got.status, got.body)
		}
	}
}

func TestEndingSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	first, second, third := w.login(t), w.login(t), w.login(t)
	alive := func(p tokens) bool {
		return w.call(t, http.MethodGet, pathMe, "", bearer(p.Access)).status == http.StatusOK
	}
	if got := w.call(t, http.MethodDelete, pathSessions+"/"+first.SessionID, "", bearer(third.Access)); got.status != 204 || alive(first) || !alive(second) {
		t.Errorf("one: got %d, first %v, second %v", got.status, alive(first), alive(second))
	}
	for _, id := range []string{first.SessionID, "0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81", "nonsense", "%00", "a%2Fb", strings.Repeat("a", 5000)} {
		if got := w.call(t, http.MethodDelete, pathSessions+"/"+id, "", bearer(third.Access)); got.status != 404 || got.code() != "not_found" {
			t.Errorf("%.40s: got %d %s", id, got.status, got.body)
		}
	}
	if got := w.call(t, http.MethodDelete, pathSessions, "", bearer(third.Access)); got.status != 204 || alive(second) || !alive(third) {
		t.Errorf("others: got %d, second %v, third %v", got.status, alive(second), alive(third))
	}
	if got := w.call(t, http.MethodDelete, pathSessions+"?include_current=maybe", "", bearer(third.Access)); got.status != 422 || !alive(third) {
		t.Errorf("unclear: got %d", got.status)
	}
	if got := w.call(t, http.MethodDelete, pathSessions+"?include_current=true", "", bearer(third.Access)); got.status != 204 || alive(third) {
		t.Errorf("all: got %d, third %v", got.status, alive(third))
	}
}

func TestForeignSessionsCannotBeEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	ada := w.login(t)
	w.call(t, http.MethodPost, pathRegister, `{"email":"eve@example.org","password":"correct horse battery staple"}`)
	eve := decode[tokens](t, w.call(t, http.MethodPost, pathLogin, `{"identifier":"eve@example.org","password":"correct horse battery staple"}`))
	if got := w.call(t, http.MethodDelete, pathSessions+"/"+ada.SessionID, "", bearer(eve.Access)); got.status != 404 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(ada.Access)); got.status != 200 {
		t.Errorf("the session ended: %d", got.status)
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0": "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":     "Safari on Mac",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/141.0 Mobile/15E148 Safari/604.1":        "Chrome on iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36":              "Chrome on Android",
		"curl/8.5.0": "curl",
		"(Android)":  "Android",
		"":           "Unknown device",
		"<script>":   "Unknown device",
	} {
		pair := w.login(t, header("User-Agent", agent))
		page := decode[sessionList](t, w.call(t, http.MethodGet, pathSessions, "", bearer(pair.Access)))
		for _, s := range page.Items {
			if s.Current && s.Device != want {
				t.Errorf("%q: got %q, want %q", agent, s.Device, want)
			}
		}
	}
}

const (
	pathPassword = pathMe + "/password"
	newPassword  = "nine purple otters at noon"
)

func TestProfileIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	tag := w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access)).header.Get("ETag")
	got := w.call(t, http.MethodPatch, pathMe, `{"username":"Ada.L","display_name":"Ada Lovelace"}`, bearer(pair.Access), header("If-Match", `"9", `+tag))
	after := got.header.Get("ETag")
	if got.status != 200 || !strings.Contains(string(got.body), `"username":"Ada.L","display_name":"Ada Lovelace"`) || after == tag || after == "" {
		t.Fatalf("got %d %s, ETag %s", got.status, got.body, after)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access), header("If-None-Match", after)); got.status != 304 {
		t.Errorf("the ETag of the change is not that of the profile: got %d", got.status)
	}
	for _, tc := range []struct {
		name, body, match string
		status            int
		code, fault       string
	}{
		{"an old version", `{"display_name":"x"}`, tag, 412, "stale", ""},
		{"a weak tag", `{"display_name":"x"}`, "W/" + after, 412, "stale", ""},
		{"no tag of ours", `{"display_name":"x"}`, `"02", 2, "+2", "", "x"`, 412, "stale", ""},
		{"whatever is there", `{}`, "*", 200, "", ""},
		{"this version", `{}`, after, 200, "", ""},
		{"a taken username", `{"username":"eve"}`, "", 409, "username_taken", ""},
		{"an empty username", `{"username":""}`, "", 422, "validation_failed", "username required"},
		{"a reserved username", `{"username":"root"}`, "", 422, "validation_failed", "username reserved"},
		{"a list for a name", `{"display_name":[]}`, "", 400, "wrong_type", "display_name wrong_type"},
		{"a number for a username", `{"username":7}`, "", 400, "wrong_type", "username wrong_type"},
		{"a role", `{"role":"admin"}`, "", 400, "unknown_field", "role unknown_field"},
		{"roles", `{"roles":["admin"]}`, "", 400, "unknown_field", "roles unknown_field"},
		{"an id", `{"id":"0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81"}`, "", 400, "unknown_field", "id unknown_field"},
		{"an address", `{"email":"eve@example.org"}`, "", 400, "unknown_field", "email unknown_field"},
		{"a verification", `{"email_verified":true}`, "", 400, "unknown_field", "email_verified unknown_field"},
		{"a spelling of its own", `{"Display_Name":"x"}`, "", 400, "unknown_field", "Display_Name unknown_field"},
	} {
		w.call(t, http.MethodPost, pathRegister, `{"email":"eve@example.org","username":"eve","password":"correct horse battery staple"}`)
		options := []option{bearer(pair.Access)}
		if tc.match != "" {
			options = append(options, header("If-Match", tc.match))
		}
		got := w.call(t, http.MethodPatch, pathMe, tc.body, options...)
		if got.status != tc.status || got.code() != tc.code {
			t.Errorf("%s: got %d %s; want %d %s", tc.name, got.status, got.body, tc.status, tc.code)
		}
		if field, code, named := strings.Cut(tc.fault, " "); named && got.fields(t)[field] != code {
			t.Errorf("%s: got %s; want the fault %s", tc.name, got.body, tc.fault)
		}
	}
	if got := w.call(t, http.MethodPatch, pathMe, `{"username":null,"display_name":null}`, bearer(pair.Access)); got.status != 200 || !strings.Contains(string(got.body), `"username":null,"display_name":""`) {
		t.Errorf("null takes both names away: got %d %s", got.status, got.body)
	}
	if got := w.call(t, http.MethodPatch, pathMe, `{}`); got.status != 401 {
		t.Errorf("without a token: got %d", got.status)
	}
}

func TestPasswordIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	other, mine := w.login(t), w.login(t)
	body := `{"current_password":"` + password + `","new_password":"` + newPassword + `"}`
	for name, tc := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"a wrong password":   {strings.Replace(body, password, "not the right password", 1), 403, "wrong_password"},
		"no password":        {`{}`, 422, "validation_failed"},
		"a password of null": {`{"current_password":null,"new_password":"` + newPassword + `"}`, 400, "wrong_type"},
	} {
		if got := w.call(t, http.MethodPost, pathPassword, tc.body, bearer(mine.Access)); got.status != tc.status || got.code() != tc.code {
			t.Errorf("%s: got %d %s; want %d %s", name, got.status, got.body, tc.status, tc.code)
		}
	}
	got := w.call(t, http.MethodPost, pathPassword, body, bearer(mine.Access))
	if got.status != 200 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	fresh := decode[tokens](t, got)
	for name, tc := range map[string]struct {
		access string
		want   int
	}{"another session": {other.Access, 401}, "the caller's old token": {mine.Access, 401}, "the fresh one": {fresh.Access, 200}} {
		if got := w.call(t, http.MethodGet, pathMe, "", bearer(tc.access)); got.status != tc.want {
			t.Errorf("%s: got %d; want %d", name, got.status, tc.want)
		}
	}
	if got := w.call(t, http.MethodPost, pathPassword, body); got.status != 401 {
		t.Errorf("without a token: got %d", got.status)
	}
}
