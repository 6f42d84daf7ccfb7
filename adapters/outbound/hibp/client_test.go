package hibp_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"authserve/adapters/outbound/hibp"
	"authserve/core/domain"
	"authserve/ports"
)

const (
	breached = "password" // its SHA-1 is prefix + suffix
	prefix   = "5baa6"
)

// ask asks the service at url about the password that everybody has.
func ask(t *testing.T, ctx context.Context, url string) (bool, error) { //nolint:revive // t comes first in tests
	t.Helper()
	client, err := hibp.New(hibp.Config{URL: url})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(client.Close)
	return client.Contains(ctx, domain.PresentedPassword(breached))
}

// serve starts a stand-in for the service.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// wantUnavailable fails the test unless err is ErrUnavailable without anything of the
// password or its hash.
func wantUnavailable(t *testing.T, found bool, err error) {
	t.Helper()
	if found || !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("Contains: got %t, %v; want %v", found, err, ports.ErrUnavailable)
	}
	for _, private := range []string{prefix, suffix[:5], suffix[30:], breached, "secret-text"} {
		if strings.Contains(strings.ToLower(err.Error()), private) {
			t.Errorf("Contains: got %q, want it without %q", err, private)
		}
	}
}

func TestContains(t *testing.T) {
	t.Parallel()
	padding := strings.Repeat("\r\n"+strings.ToUpper(other)+":0", 150)
	for name, c := range map[string]struct {
		list string
		want bool
	}{
		"known":            {strings.ToUpper(other) + ":2\r\n" + strings.ToUpper(suffix) + ":52256179" + padding, true},
		"unknown":          {strings.ToUpper(other) + ":2" + padding, false},
		"known to padding": {strings.ToUpper(other) + ":2" + padding + "\r\n" + strings.ToUpper(suffix) + ":0", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.list) })
			if got, err := ask(t, t.Context(), s.URL); got != c.want || err != nil {
				t.Errorf("Contains: got %t, %v; want %t", got, err, c.want)
			}
		})
	}
}

func TestOnlyFiveDigitsLeave(t *testing.T) {
	t.Parallel()
	var dump []byte
	var request *http.Request
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		dump, _ = httputil.DumpRequest(r, true)
		request = r
		_, _ = io.WriteString(w, other+":1")
	})
	if _, err := ask(t, t.Context(), s.URL+"/mirror/"); err != nil {
		t.Fatalf("Contains: %v", err)
	}
	if got, want := request.Method+" "+request.RequestURI, "GET /mirror/range/"+prefix; got != want {
		t.Errorf("got request %q, want %q", got, want)
	}
	if got := request.Header; len(got) != 2 || got.Get("User-Agent") != "authserve" || got.Get("Add-Padding") != "true" {
		t.Errorf("got headers %v, want User-Agent and Add-Padding alone", got)
	}
	for _, private := range []string{breached, prefix + suffix[:1], suffix[:5], suffix} {
		if strings.Contains(strings.ToLower(string(dump)), private) {
			t.Errorf("%q left the service in %q", private, dump)
		}
	}
}

func TestTroubleIsUnavailable(t *testing.T) {
	t.Parallel()
	entry := suffix + ":1\r\n"
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, entry)
		}
	}
	// raw answers with bytes of its own and then resets or closes the connection.
	raw := func(text string, reset bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, strings.ReplaceAll(text, "{path}", r.RequestURI))
			if tcp, ok := conn.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	for name, handler := range map[string]http.HandlerFunc{
		"an error":                    status(http.StatusInternalServerError),
		"too many requests":           status(http.StatusTooManyRequests),
		"not found":                   status(http.StatusNotFound),
		"another success":             status(http.StatusAccepted),
		"part of it":                  status(http.StatusPartialContent),
		"nothing":                     status(http.StatusNoContent),
		"an empty list":               write(""),
		"a page":                      write("<!DOCTYPE html><title>secret-text</title>"),
		"a page behind the entry":     write(entry + "<!-- secret-text -->"),
		"suffixes a digit short":      write(suffix[1:] + ":1\r\n"),
		"suffixes a digit long":       write("0" + suffix + ":1\r\n"),
		"whole hashes":                write(prefix + suffix + ":1\r\n"),
		"a huge list":                 write(strings.Repeat(entry, hibp.MaxBody/len(entry)+1)),
		"a huge line":                 write(entry + strings.Repeat("a", 2*hibp.MaxBody)),
		"a body that ends early":      raw(ok+"Content-Length: 4096\r\n\r\n"+entry, false),
		"chunks that end early":       raw(ok+"Transfer-Encoding: chunked\r\n\r\n27\r\n"+entry+"\r\n", false),
		"a body that is reset":        raw(ok+"Content-Length: 4096\r\n\r\n"+entry, true),
		"a reset":                     raw("", true),
		"no answer":                   raw("", false),
		"another protocol":            raw("SSH-2.0-secret-text {path}\r\n", false),
		"a status line that is none":  raw("HTTP/1.1 {path}secret-text\r\n\r\n", false),
		"a header that is none":       raw("HTTP/1.1 200 OK\r\nsecret-text {path}\r\n\r\n"+entry, false),
		"a length that is none":       raw(ok+"Content-Length: secret-text{path}\r\n\r\n"+entry, false),
		"an encoding that is unknown": raw(ok+"Transfer-Encoding: secret-text{path}\r\n\r\n"+entry, false),
		"a huge header":               raw(ok+"X: "+strings.Repeat("a", 1<<17)+"\r\n\r\n"+entry, false),
		"a switch of protocols":       raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: secret-text\r\nConnection: upgrade\r\n\r\n"+entry, false),
		"another character set":       write("\xff\xfe" + strings.Join(strings.Split(entry, ""), "\x00")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := ask(t, t.Context(), serve(t, handler).URL)
			wantUnavailable(t, found, err)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	s.Close()
	found, err := ask(t, t.Context(), s.URL)
	wantUnavailable(t, found, err)
}

func TestEndlessAnswersAreCutOff(t *testing.T) {
	t.Parallel()
	ended := make(chan int, 1)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		written := 0
		for {
			n, err := io.WriteString(w, other+":1\r\n")
			if written += n; err != nil {
				ended <- written
				return
			}
		}
	})
	found, err := ask(t, t.Context(), s.URL)
	wantUnavailable(t, found, err)
	<-ended // the connection was dropped, or this would last for ever
}

func TestCompressedAnswersAreNotUnpacked(t *testing.T) {
	t.Parallel()
	var asked string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		_, _ = io.WriteString(zipped, strings.Repeat(suffix+":1\n", 100)) // were it unpacked, this would be found
		_ = zipped.Close()
	})
	found, err := ask(t, t.Context(), s.URL)
	wantUnavailable(t, found, err)
	if asked != "" {
		t.Errorf("got Accept-Encoding %q, want none", asked)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_, _ = io.WriteString(w, suffix+":1")
	})
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL+r.URL.Path, code) })
			found, err := ask(t, t.Context(), s.URL)
			wantUnavailable(t, found, err)
			if elsewhere.Load() != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

// stall starts a service that says begin and then nothing more until the caller
// leaves. It tells when it got there and when that happened.
func stall(t *testing.T, begin string) (url string, reached, left chan struct{}) {
	t.Helper()
	reached, left = make(chan struct{}, 1), make(chan struct{}, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if begin != "" {
			_, _ = io.WriteString(w, begin)
			_ = http.NewResponseController(w).Flush()
		}
		reached <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
	})
	return s.URL, reached, left
}

func TestSlowServicesAreLeft(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"before the header": "", "in the body": suffix + ":1\r\n"} {
		t.Run(name+" at the deadline", func(t *testing.T) {
			t.Parallel()
			url, _, _ := stall(t, begin)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			found, err := ask(t, ctx, url)
			wantUnavailable(t, found, err)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Contains: got %v, want %v in it", err, context.DeadlineExceeded)
			}
		})
		t.Run(name+" with the caller", func(t *testing.T) {
			t.Parallel()
			url, reached, left := stall(t, begin)
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-reached
				leave()
			}()
			found, err := ask(t, ctx, url)
			wantUnavailable(t, found, err)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Contains: got %v, want %v in it", err, context.Canceled)
			}
			<-left // the connection went with the call
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(other+":1\r\n", 1000)+suffix+":1")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client, err := hibp.New(hibp.Config{URL: s.URL})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for range 3 {
		if found, err := client.Contains(t.Context(), domain.PresentedPassword(breached)); !found || err != nil {
			t.Errorf("Contains: got %t, %v; want true", found, err)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections for 3 calls, want 1", got)
	}
	client.Close()
}

func TestParallelCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		list := other + ":1\r\n"
		if strings.HasSuffix(r.URL.Path, "/"+prefix) {
			list += suffix + ":1\r\n"
		}
		_, _ = io.WriteString(w, list)
	})
	client, err := hibp.New(hibp.Config{URL: s.URL})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer client.Close()
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			plain, want := breached, true
			if i%2 == 1 {
				plain, want = fmt.Sprintf("correct horse %d", i), false
			}
			if got, err := client.Contains(t.Context(), domain.PresentedPassword(plain)); got != want || err != nil {
				t.Errorf("Contains(%s): got %t, %v; want %t", plain, got, err, want)
			}
		})
	}
	group.Wait()
}
