package redisconn_test

import (
	"strings"
	"testing"

	"authserve/adapters/outbound/redisconn"
	"authserve/core/domain"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"redis://cache": true, "redis://cache:6379/0": true, "redis://user:hunter2@cache/": true, "rediss://:hunter2@cache:6380": true,
		"redis://[::1]:6379": true, "unix:///run/redis.sock": true, "unix://user:hunter2@/run/redis.sock": true,
		"": false, "cache:6379": false, "http://cache": false, "redis://": false, "redis://:hunter2@": false, "redis:cache": false,
		"redis://cache/db": false, "redis://cache/-1": false, "redis://cache/0/1": false, "redis://cache?dial_timeout=1h": false,
		"redis://cache?": false, "redis://cache#x": false, "rediss://cache?skip_verify=true": false, "redis://cache:x": false,
		"redis://cache:99999": false, "unix://cache/run/redis.sock": false, "unix://": false, "unix:///": false, "redis://h:hunter2%zz@cache": false,
	} {
		err := redisconn.CheckURL(url)
		if (err == nil) != good {
			t.Errorf("%q: %v; want good: %v", url, err, good)
		}
		client, made := redisconn.New(domain.NewSecret(url), 1)
		if (made == nil) != good {
			t.Errorf("%q: New: %v; want good: %v", url, made, good)
		}
		if client != nil {
			_ = client.Close() // it connected to nothing
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q is told: %v", url, err)
		}
	}
}
