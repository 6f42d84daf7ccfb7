package httpkit_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// listing is a kit with GET /list, which answers one page of one item and tells
// what page it was asked for.
func listing(t testing.TB, sealer ports.Sealer, list string, next *domain.Position, asked *domain.PageRequest) *kit {
	t.Helper()
	cursors := httpkit.NewCursors(sealer)
	k := newKit(t)
	k.Handle(http.MethodGet, "/list", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "list", Query: []string{"limit", "cursor"}},
		func(ctx context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.Page[string]], error) {
			var res httpkit.Response[httpkit.Page[string]]
			wanted, err := r.PageRequest(ctx, cursors, list)
			if err != nil {
				return res, err
			}
			*asked = wanted
			page := domain.Page[int]{Items: []int{7}, Next: next}
			res.Body, err = httpkit.NewPage(ctx, cursors, list, page, func(i int) string { return fmt.Sprint(i) })
			return res, err
		}))
	return k
}

func cursorOf(t testing.TB, a answer) string {
	t.Helper()
	var page httpkit.Page[string]
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || page.NextCursor == nil {
		t.Fatalf("no cursor in %s: %v", a.body, err)
	}
	return *page.NextCursor
}

func TestCursorsLeadOn(t *testing.T) {
	t.Parallel()
	id := fake.Account(1).ID
	for _, next := range []domain.Position{
		{At: fake.Epoch(), ID: id},
		{At: domain.Instant(time.UnixMicro(0)), ID: id},
		{At: domain.Instant(time.UnixMicro(-1)), ID: id},
		{Text: "ann", ID: id},
		{At: fake.Epoch(), Text: string(id), ID: id},
		{Text: strings.Repeat("\U0001f9ea", 255), ID: id}, // as long as an identifier can be
	} {
		var asked domain.PageRequest
		k := listing(t, newKeyring(t, 1), "a", &next, &asked)
		first := k.do(t, get("/list"))
		if asked.Limit != domain.DefaultPageLimit || asked.After != nil {
			t.Errorf("first page: asked for %+v", asked)
		}
		if strings.Contains(first.body, string(next.ID)) {
			t.Errorf("the cursor can be read: %s", first.body)
		}
		k.do(t, get("/list?limit=3&cursor="+cursorOf(t, first)))
		if asked.Limit != 3 || asked.After == nil || *asked.After != next {
			t.Errorf("next page: asked for %+v after %+v, want %+v", asked, asked.After, next)
		}
	}
}

func TestLastPageHasNoCursor(t *testing.T) {
	t.Parallel()
	var asked domain.PageRequest
	got := listing(t, newKeyring(t, 1), "a", nil, &asked).do(t, get("/list"))
	if got.body != `{"items":["7"],"next_cursor":null}`+"\n" {
		t.Errorf("got %s", got.body)
	}
}

func TestForeignCursorsAreRefused(t *testing.T) {
	t.Parallel()
	var asked domain.PageRequest
	ring := newKeyring(t, 1)
	next := &domain.Position{At: fake.Epoch(), ID: fake.Account(1).ID}
	k := listing(t, ring, "a", next, &asked)
	own := cursorOf(t, k.do(t, get("/list")))
	short, err := ring.Seal(t.Context(), ports.PurposeCursor, []byte("x"), []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	for name, cursor := range map[string]string{
		"another list": cursorOf(t, listing(t, ring, "b", next, &asked).do(t, get("/list"))),
		"another key":  cursorOf(t, listing(t, newKeyring(t, 2), "a", next, &asked).do(t, get("/list"))),
		"altered":      altered(own),
		"cut":          own[:len(own)-4],
		"empty":        "",
		"not base64":   "!!!",
		"padded":       own + "=",
		"too short":    base64.RawURLEncoding.EncodeToString(short),
		"too long":     strings.Repeat("A", 2049),
	} {
		if got := k.do(t, get("/list?cursor="+cursor)); got.status != 400 || got.problem.Code != "invalid_cursor" {
			t.Errorf("%s: got %d %q", name, got.status, got.problem.Code)
		}
	}
}

// altered is a cursor with its first character changed, whatever it is.
func altered(cursor string) string {
	if cursor[0] == 'A' {
		return "B" + cursor[1:]
	}
	return "A" + cursor[1:]
}

type brokenSealer struct{ ports.Sealer }

func (brokenSealer) Open(context.Context, ports.Purpose, []byte, []byte) ([]byte, error) {
	return nil, ports.ErrUnavailable
}

func (brokenSealer) Seal(context.Context, ports.Purpose, []byte, []byte) ([]byte, error) {
	return nil, errors.New("broken")
}

func TestSealerInTroubleIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	var asked domain.PageRequest
	k := listing(t, brokenSealer{}, "a", &domain.Position{}, &asked)
	if got := k.do(t, get("/list?cursor=AAAA")); got.status != 503 {
		t.Errorf("open: got %d", got.status)
	}
	if got := k.do(t, get("/list")); got.status != 500 {
		t.Errorf("seal: got %d", got.status)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for limit, status := range map[string]int{"1": 200, "200": 200, "0": 422, "201": 422, "-1": 422, "x": 422, "": 422, "+5": 422, "05": 422, "1e2": 422, "99999999999999999999": 422} {
		var asked domain.PageRequest
		got := listing(t, newKeyring(t, 1), "a", nil, &asked).do(t, get("/list?limit="+strings.ReplaceAll(limit, "+", "%2B")))
		if got.status != status {
			t.Errorf("limit %q: got %d, want %d", limit, got.status, status)
		}
	}
}

func FuzzCursor(f *testing.F) {
	var asked domain.PageRequest
	next := &domain.Position{At: fake.Epoch(), ID: fake.Account(1).ID}
	k := listing(f, newKeyring(f, 1), "a", next, &asked)
	f.Add(cursorOf(f, k.do(f, get("/list"))))
	for _, seed := range []string{"", "AAAA", "!", strings.Repeat("A", 600), "AQ\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		k.forget()
		r := get("/list")
		r.URL.RawQuery = "cursor=" + url.QueryEscape(cursor)
		asked = domain.PageRequest{}
		switch got := k.do(t, r); got.status {
		case 200:
			if asked.After == nil || *asked.After != *next {
				t.Errorf("%q was accepted as %+v", cursor, asked.After)
			}
		case 400:
		default:
			t.Errorf("%q: got %d", cursor, got.status)
		}
	})
}
