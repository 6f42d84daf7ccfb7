package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
	"github.com/redis/go-redis/v9"
)

// Redis is a server in a container of its own that lives as long as its test. The image
// is redis:7 unless TEST_REDIS_IMAGE names another.
type Redis struct {
	pool     *dockertest.Pool
	resource *dockertest.Resource // nil: it was killed
	port     string               // of this machine: the same after a restart
}

// NewRedis starts one, or skips or fails the test as for the databases.
func NewRedis(t testing.TB) *Redis {
	t.Helper()
	r := &Redis{}
	if err := r.begin(); err != nil {
		if os.Getenv("REQUIRE_DOCKER") == "1" {
			t.Fatalf("Redis: %v", err)
		}
		t.Skipf("Redis: %v (REQUIRE_DOCKER=1 makes this a failure)", err)
	}
	t.Cleanup(func() {
		if r.resource == nil {
			return
		}
		if err := r.pool.Purge(r.resource); err != nil {
			t.Errorf("Redis: %v", err)
		}
	})
	return r
}

// URL has a password, so that tests can look for it where it must not be.
func (r *Redis) URL() string { return "redis://:" + password + "@127.0.0.1:" + r.port }

// Kill ends the server as by kill -9.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	if err := r.pool.Purge(r.resource); err != nil {
		t.Fatalf("Redis: %v", err)
	}
	r.resource = nil
}

// Restart starts the server again after Kill, under the same URL and with nothing in it.
func (r *Redis) Restart(t testing.TB) {
	t.Helper()
	if err := r.begin(); err != nil {
		t.Fatalf("Redis: %v", err)
	}
}

// Pause lets the server hang: its connections stay and nothing answers, until Resume.
func (r *Redis) Pause(t testing.TB) {
	t.Helper()
	if err := r.pool.Client.PauseContainer(r.resource.Container.ID); err != nil {
		t.Fatalf("Redis: %v", err)
	}
}

// Resume ends Pause. What was sent meanwhile is answered now.
func (r *Redis) Resume(t testing.TB) {
	t.Helper()
	if err := r.pool.Client.UnpauseContainer(r.resource.Container.ID); err != nil {
		t.Fatalf("Redis: %v", err)
	}
}

func (r *Redis) begin() error {
	image := "redis:7"
	if given := os.Getenv("TEST_REDIS_IMAGE"); given != "" {
		image = given
	}
	pool, err := dockertest.NewPool("")
	if err != nil {
		return err
	}
	if err := pool.Client.Ping(); err != nil {
		return fmt.Errorf("no Docker engine answers: %w", err)
	}
	r.pool = pool
	if r.port == "" {
		if r.port, err = freePort(); err != nil {
			return err
		}
	}
	repository, tag := image, "latest"
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		repository, tag = image[:i], image[i+1:]
	}
	resource, err := pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository, Tag: tag, Cmd: []string{"redis-server", "--save", "", "--requirepass", password},
		Labels:       map[string]string{label: "Redis"},
		ExposedPorts: []string{"6379/tcp"},
		PortBindings: map[docker.Port][]docker.PortBinding{"6379/tcp": {{HostIP: "127.0.0.1", HostPort: r.port}}},
	}, func(c *docker.HostConfig) { c.AutoRemove = true })
	if err != nil {
		return err
	}
	r.resource = resource
	return errors.Join(resource.Expire(lifetime), r.await())
}

// freePort returns a port that nobody has at the moment.
func freePort() (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// Client is one of the library, for what a test has to do or see itself.
func (r *Redis) Client(t testing.TB) *redis.Client {
	t.Helper()
	client, err := r.client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (r *Redis) client() (*redis.Client, error) {
	o, err := redis.ParseURL(r.URL())
	if err != nil {
		return nil, err
	}
	o.DialerRetries = 1
	return redis.NewClient(o), nil
}

// await returns when the server answers.
func (r *Redis) await() error {
	client, err := r.client()
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // of the test
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := client.Ping(ctx).Err()
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
