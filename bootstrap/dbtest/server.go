package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

const (
	password = "only-for-tests"
	// lifetime is after how many seconds a container that a killed test left behind
	// ends by itself.
	lifetime = 1800
	// startTime bounds the start of a server.
	startTime = time.Minute
	// label marks the containers of tests, for whoever cleans up.
	label = "authserve-test"
)

// Server is one kind of database server. See Postgres, MariaDB and MySQL.
type Server struct {
	name, variable, image string // the image unless the variable names another
	port                  string
	environ, command      []string
	tmpfs                 string
	admits                func(addr string) (*sql.DB, error) // as who may do everything
	copies                bool                               // databases can be copied
	url                   func(addr, database string) string // for entstore
	create                func(database string) string
	fit                   func(ctx context.Context, admin *sql.DB) (options string, err error) // of empty databases, as this version of the server has them

	start    sync.Once
	err      error
	pool     *dockertest.Pool
	resource *dockertest.Resource
	addr     string
	admin    *sql.DB
	blank    string // the options of empty databases
	count    atomic.Int64

	template     sync.Once
	templateErr  error
	templateName string
}

// Name is for the names of tests.
func (s *Server) Name() string { return s.name }

// URL makes an empty database that lives as long as t, and returns its URL.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	s.require(t)
	return s.lent(t, s.Empty)
}

// lent makes a database that lives as long as t, and returns its URL.
func (s *Server) lent(t testing.TB, create func(context.Context) (string, error)) string {
	t.Helper()
	url, err := create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Drop(context.Background(), url); err != nil {
			t.Error(err)
		}
	})
	return url
}

// Empty makes an empty database and returns its URL. The server must have been
// started, and the caller drops the database.
func (s *Server) Empty(ctx context.Context) (string, error) { return s.database(ctx, s.blank) }

// database makes one with the options.
func (s *Server) database(ctx context.Context, options string) (string, error) {
	name := fmt.Sprintf("test_%d", s.count.Add(1))
	query := s.create(name) + options //nolint:gosec // made here
	if _, err := s.admin.ExecContext(ctx, query); err != nil {
		return "", fmt.Errorf("%s: %w", query, err)
	}
	return s.url(s.addr, name), nil
}

// Drop removes the database of url, whoever is connected to it.
func (s *Server) Drop(ctx context.Context, url string) error {
	drop := "DROP DATABASE " + url[strings.LastIndex(url, "/")+1:] //nolint:gosec // made here
	if s.copies {
		drop += " WITH (FORCE)"
	}
	if _, err := s.admin.ExecContext(ctx, drop); err != nil {
		return fmt.Errorf("%s: %w", drop, err)
	}
	return nil
}

// Start starts the server unless that was done. Errors: ErrNoImage, or whatever keeps
// it from running, above all that no Docker engine answers.
func (s *Server) Start(ctx context.Context) error {
	s.start.Do(func() { s.err = s.run(ctx) })
	return s.err
}

// require starts the server, or skips or fails the test.
func (s *Server) require(t testing.TB) {
	t.Helper()
	switch err := s.Start(t.Context()); {
	case err == nil:
	case errors.Is(err, ErrNoImage):
		t.Skipf("%s: %v", s.name, err)
	case os.Getenv("REQUIRE_DOCKER") == "1":
		t.Fatalf("%s: %v", s.name, err)
	default:
		t.Skipf("%s: %v (REQUIRE_DOCKER=1 makes this a failure)", s.name, err)
	}
}

// ErrNoImage says that nobody asked for this server: no image is named for it.
var ErrNoImage = errors.New("no image is named")

func (s *Server) run(ctx context.Context) error {
	image := s.image
	if given := os.Getenv(s.variable); given != "" {
		image = given
	}
	if image == "" {
		return fmt.Errorf("%w by %s", ErrNoImage, s.variable)
	}
	pool, err := dockertest.NewPool("")
	if err != nil {
		return err
	}
	if err := pool.Client.Ping(); err != nil {
		return fmt.Errorf("no Docker engine answers: %w", err)
	}
	repository, tag := image, "latest"
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		repository, tag = image[:i], image[i+1:]
	}
	s.pool = pool
	s.resource, err = pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository, Tag: tag, Env: s.environ, Cmd: s.command,
		Labels:       map[string]string{label: s.name},
		ExposedPorts: []string{s.port},
		PortBindings: map[docker.Port][]docker.PortBinding{docker.Port(s.port): {{HostIP: "127.0.0.1", HostPort: "0"}}},
	}, func(c *docker.HostConfig) {
		c.AutoRemove = true
		c.Tmpfs = map[string]string{s.tmpfs: "rw"}
	})
	if err != nil {
		return err
	}
	if err := s.resource.Expire(lifetime); err != nil {
		return err
	}
	s.addr = "127.0.0.1:" + s.resource.GetPort(s.port)
	if s.admin, err = s.admits(s.addr); err != nil {
		return err
	}
	if err := await(ctx, s.admin); err != nil || s.fit == nil {
		return err
	}
	s.blank, err = s.fit(ctx, s.admin)
	return err
}

// await returns when the server answers. It listens only when it is set up.
func await(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer within %s: %w", startTime, err)
		}
	}
}

// Alone is a server of the same kind in a container of its own, which ends with t: for
// tests that break it.
func (s *Server) Alone(t testing.TB) *Server {
	t.Helper()
	for _, own := range New().All() {
		if own.name == s.name {
			t.Cleanup(func() {
				if err := own.close(); err != nil {
					t.Errorf("%s: %v", own.name, err)
				}
			})
			return own
		}
	}
	t.Fatalf("no server is called %s", s.name)
	return nil
}

// Crash lets PostgreSQL die as by kill -9, in the middle of all it does, and returns
// when it has recovered.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	s.require(t)
	// The server ends all of its processes when one of them is killed, and starts anew.
	_, err := s.admin.ExecContext(t.Context(), "COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'")
	if err == nil {
		t.Fatalf("%s survived kill -9", s.name)
	}
	if err := await(t.Context(), s.admin); err != nil {
		t.Fatal(err)
	}
}

// close ends the container.
func (s *Server) close() error {
	if s.resource == nil {
		return nil
	}
	return errors.Join(s.admin.Close(), s.pool.Purge(s.resource))
}
